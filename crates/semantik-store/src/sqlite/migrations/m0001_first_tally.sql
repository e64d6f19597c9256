-- How many rows there are of a kind, kept by triggers in the transaction that changes the rows;
-- polling an operation of 50,000 jobs must not count them. `conformance` proves them equal to COUNT(*).
-- No upsert here: the conflict clause of the statement that fires a trigger overrides the trigger's own.
CREATE TABLE tally (
    owner BLOB NOT NULL,
    kind TEXT NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (owner, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER document_tally_insert AFTER INSERT ON document BEGIN
    INSERT OR IGNORE INTO tally VALUES (NEW.collection, 'document:' || NEW.status, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + NEW.size WHERE owner = NEW.collection AND kind = 'document:' || NEW.status;
END;
CREATE TRIGGER document_tally_delete AFTER DELETE ON document BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - OLD.size WHERE owner = OLD.collection AND kind = 'document:' || OLD.status;
END;
CREATE TRIGGER document_tally_update AFTER UPDATE OF status, size ON document WHEN OLD.status <> NEW.status OR OLD.size <> NEW.size BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - OLD.size WHERE owner = OLD.collection AND kind = 'document:' || OLD.status;
    INSERT OR IGNORE INTO tally VALUES (NEW.collection, 'document:' || NEW.status, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + NEW.size WHERE owner = NEW.collection AND kind = 'document:' || NEW.status;
END;

CREATE TRIGGER chunk_tally_insert AFTER INSERT ON chunk BEGIN
    INSERT OR IGNORE INTO tally VALUES (NEW.collection, 'chunk:' || NEW.indexed, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + 0 WHERE owner = NEW.collection AND kind = 'chunk:' || NEW.indexed;
END;
CREATE TRIGGER chunk_tally_delete AFTER DELETE ON chunk BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - 0 WHERE owner = OLD.collection AND kind = 'chunk:' || OLD.indexed;
END;
CREATE TRIGGER chunk_tally_update AFTER UPDATE OF indexed ON chunk WHEN OLD.indexed <> NEW.indexed BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - 0 WHERE owner = OLD.collection AND kind = 'chunk:' || OLD.indexed;
    INSERT OR IGNORE INTO tally VALUES (NEW.collection, 'chunk:' || NEW.indexed, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + 0 WHERE owner = NEW.collection AND kind = 'chunk:' || NEW.indexed;
END;

CREATE TRIGGER job_tally_insert AFTER INSERT ON job BEGIN
    INSERT OR IGNORE INTO tally VALUES (NEW.operation, NEW.queue || ':' || NEW.status, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + 0 WHERE owner = NEW.operation AND kind = NEW.queue || ':' || NEW.status;
END;
CREATE TRIGGER job_tally_delete AFTER DELETE ON job BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - 0 WHERE owner = OLD.operation AND kind = OLD.queue || ':' || OLD.status;
END;
CREATE TRIGGER job_tally_update AFTER UPDATE OF status ON job WHEN OLD.status <> NEW.status BEGIN
    UPDATE tally SET rows = rows - 1, bytes = bytes - 0 WHERE owner = OLD.operation AND kind = OLD.queue || ':' || OLD.status;
    INSERT OR IGNORE INTO tally VALUES (NEW.operation, NEW.queue || ':' || NEW.status, 0, 0);
    UPDATE tally SET rows = rows + 1, bytes = bytes + 0 WHERE owner = NEW.operation AND kind = NEW.queue || ':' || NEW.status;
END;
