-- Facts of campaigns and donations: what was promised, and what carries a campaign's numbers on without moving money.

-- +goose Up
INSERT INTO fact_events (event) VALUES
    ('campaign.published'), ('donation.counted'), ('donation.donor_counted'), ('donation.fee_funded'),
    ('donation.fee_surplus_noted'), ('donation.held'), ('donation.hold_released'), ('donation.payment_noted'), ('match.pledged');
