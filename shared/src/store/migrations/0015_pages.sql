-- Only indexes change.

-- Cases of a state in the order of their sittings: the longest waiting are found without looking at the others.
DROP INDEX case_state;
CREATE INDEX case_state ON case_row (state, started);

-- What is not on paper yet is counted from the index alone.
DROP INDEX slip_open;
CREATE INDEX slip_open ON slip (at, printed, wanted) WHERE printed < wanted;
