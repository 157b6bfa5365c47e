-- Who the bank knows and which sessions they have. The table of users is called person because "user" is a reserved word.

CREATE TABLE person (
  id            uuid        PRIMARY KEY,
  -- Normalised (NFC, trimmed, lower case) by platform/email-hash.ts, so that plain equality ignores case.
  email         text        NOT NULL UNIQUE CHECK (length(email) <= 254),
  display_name  text        NOT NULL CHECK (length(display_name) BETWEEN 1 AND 80),
  -- PHC string of argon2id; it carries its own parameters and salt.
  password_hash text        NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
  roles         text[]      NOT NULL CHECK (
    cardinality(roles) > 0 AND roles <@ ARRAY['CUSTOMER', 'SUPPORT', 'COMPLIANCE', 'ADMIN', 'PARTNER']
  ),
  kyc_status    text        NOT NULL DEFAULT 'PENDING' CHECK (kyc_status IN ('PENDING', 'IN_REVIEW', 'VERIFIED', 'REJECTED')),
  created_at    timestamptz NOT NULL
);

CREATE TABLE session (
  id          uuid        PRIMARY KEY,
  person_id   uuid        NOT NULL REFERENCES person,
  device_name text        CHECK (length(device_name) BETWEEN 1 AND 80),
  created_at  timestamptz NOT NULL,
  -- When its newest refresh token ends; nothing can come of the session after that.
  expires_at  timestamptz NOT NULL,
  ended_at    timestamptz,
  end_reason  text        CHECK (end_reason IN ('LOGOUT', 'REFRESH_TOKEN_REUSED')),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX session_person ON session (person_id);
CREATE INDEX session_expiry ON session (expires_at);

-- The family of a session's refresh tokens: exactly one of them is not replaced. Only hashes are here: who reads this
-- table cannot continue anybody's session.
CREATE TABLE refresh_token (
  hash        bytea       PRIMARY KEY CHECK (length(hash) = 32),
  session_id  uuid        NOT NULL REFERENCES session ON DELETE CASCADE,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  replaced_at timestamptz
);
CREATE UNIQUE INDEX refresh_token_newest ON refresh_token (session_id) WHERE replaced_at IS NULL;
CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at);

-- Keys that sign access tokens; the newest signs, all verify.
CREATE TABLE signing_key (
  -- RFC 7638 thumbprint of the public key.
  kid         text        PRIMARY KEY,
  public_jwk  jsonb       NOT NULL,
  -- AES-256-GCM: 12 bytes nonce, 16 bytes tag, ciphertext of the PKCS#8 key; the kid is authenticated with it.
  private_key bytea       NOT NULL,
  created_at  timestamptz NOT NULL
);
