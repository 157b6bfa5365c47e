-- Sessions also end when their person loses a role: what a token says about roles must not outlive them.
ALTER TABLE session DROP CONSTRAINT session_end_reason_check,
  ADD CONSTRAINT session_end_reason_check CHECK (end_reason IN ('LOGOUT', 'REFRESH_TOKEN_REUSED', 'ROLE_REVOKED'));
