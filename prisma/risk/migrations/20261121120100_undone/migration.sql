-- A payout is assessed as its money is held, and may come to nothing afterwards: refused by the provider, cancelled, expired. What never
-- arrived is no habit of its customer. Written by the listener risk.undone (TransferFailed).
ALTER TABLE assessment ADD COLUMN undone boolean NOT NULL DEFAULT false;
