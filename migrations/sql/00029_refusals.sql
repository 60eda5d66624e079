-- +goose NO TRANSACTION
-- How long the words of a refusal may be is checked of the runs that are there, while others go on planning and releasing. Each statement
-- may be run again after an interruption.

-- +goose Up

ALTER TABLE payout_runs VALIDATE CONSTRAINT payout_runs_refused_by;
ALTER TABLE payout_runs VALIDATE CONSTRAINT payout_runs_refusal;
