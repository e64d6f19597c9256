-- Ids are 16-byte BLOBs, times are milliseconds since the epoch, lists are JSON text.

CREATE TABLE collection (
    id BLOB NOT NULL PRIMARY KEY,
    owner BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX collection_name ON collection (name, owner);

CREATE TABLE dataset (
    id BLOB NOT NULL PRIMARY KEY,
    collection BLOB NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    chunking TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dataset_collection ON dataset (collection, created_at);

CREATE TABLE search_index (
    id BLOB NOT NULL PRIMARY KEY,
    dataset BLOB NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    collection BLOB NOT NULL,
    model TEXT NOT NULL,
    model_hash TEXT NOT NULL,
    dimensions INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX search_index_generation ON search_index (dataset, generation);

CREATE TABLE source (
    id BLOB NOT NULL PRIMARY KEY,
    collection BLOB NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    location TEXT NOT NULL,
    config TEXT NOT NULL,
    last_scan_at INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX source_location ON source (collection, location);

CREATE TABLE document (
    id BLOB NOT NULL PRIMARY KEY,
    collection BLOB NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    source BLOB NOT NULL REFERENCES source (id),
    parent BLOB REFERENCES document (id) ON DELETE CASCADE,
    uri TEXT NOT NULL,
    name TEXT NOT NULL,
    mime TEXT,
    size INTEGER NOT NULL,
    modified_at INTEGER,
    content_hash TEXT,
    status TEXT NOT NULL,
    -- Whether extraction of this version is done, so that the last indexed chunk completes it.
    extracted INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    pages TEXT NOT NULL DEFAULT '[]',
    title TEXT,
    language TEXT,
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX document_uri ON document (source, uri);
CREATE INDEX document_status ON document (collection, status, mime);
CREATE INDEX document_listing ON document (collection, status, id);
CREATE INDEX document_collection ON document (collection, id);
CREATE INDEX document_source ON document (source, id);
CREATE INDEX document_hash ON document (source, content_hash) WHERE status = 'completed' AND parent IS NULL;
CREATE INDEX document_parent ON document (parent) WHERE parent IS NOT NULL;
CREATE INDEX document_open ON document (id) WHERE status IN ('pending', 'processing');

CREATE TABLE chunk (
    id BLOB NOT NULL PRIMARY KEY,
    collection BLOB NOT NULL,
    dataset BLOB NOT NULL,
    document BLOB NOT NULL REFERENCES document (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    overlap INTEGER NOT NULL,
    page INTEGER,
    context TEXT,
    token_count INTEGER NOT NULL,
    indexed INTEGER NOT NULL
) STRICT;
CREATE INDEX chunk_document ON chunk (document, ordinal, id);
CREATE INDEX chunk_dataset ON chunk (dataset, id, document, indexed);
CREATE INDEX chunk_unindexed ON chunk (document) WHERE indexed = 0;

-- Operations outlive their collection: the one that deletes it must still be seen to end.
CREATE TABLE operation (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    collection BLOB NOT NULL,
    status TEXT NOT NULL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    listed INTEGER NOT NULL DEFAULT 0,
    message TEXT,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX operation_collection ON operation (collection, id);
CREATE INDEX operation_open ON operation (id) WHERE ended_at IS NULL;

CREATE TABLE job (
    id BLOB NOT NULL PRIMARY KEY,
    operation BLOB NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
    collection BLOB NOT NULL,
    -- The document of the payload, where it names one.
    document BLOB,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL,
    status TEXT NOT NULL,
    -- 0 not runnable, 1 runnable, 2 runnable but only alone (its lease was lost).
    ready INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0,
    run_at INTEGER NOT NULL,
    lease_owner TEXT,
    lease_token BLOB,
    lease_until INTEGER,
    checkpoint TEXT,
    error_code TEXT,
    error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_living ON job (operation, name, key)
    WHERE status IN ('pending', 'published', 'processing', 'failed');
CREATE INDEX job_operation ON job (operation, id);
CREATE INDEX job_ready ON job (queue, priority, operation, id) WHERE ready = 1;
CREATE INDEX job_alone ON job (queue, priority, id) WHERE ready = 2;
CREATE INDEX job_delayed ON job (queue, run_at) WHERE status = 'pending' AND ready = 0;
CREATE INDEX job_pending ON job (queue, run_at) WHERE status = 'pending';
CREATE INDEX job_processing ON job (lease_until, queue) WHERE status = 'processing';
CREATE INDEX job_dead ON job (queue, id) WHERE status = 'dead';
CREATE INDEX job_document ON job (document)
    WHERE document IS NOT NULL AND status IN ('pending', 'published', 'processing', 'failed');

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;
