CREATE TABLE space (
  id BLOB PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  model TEXT,
  hash TEXT,
  quantization TEXT,
  dimensions INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- state: 0 staged, 1 published, 2 retired
CREATE TABLE point (
  key BLOB PRIMARY KEY,
  space BLOB NOT NULL REFERENCES space (id),
  id TEXT NOT NULL,
  state INTEGER NOT NULL,
  text TEXT NOT NULL,
  payload TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX point_published ON point (space, id) WHERE state = 1;
CREATE INDEX point_leftover ON point (space, state) WHERE state <> 1;
