#include "sqlite.h"

/* A tile's key is its level in the top byte and its index below: hash tiles lie
 * beside their neighbours in one b-tree and are found in one descent. */
static const char migration_1[] =
    "CREATE TABLE head ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  size INTEGER NOT NULL CHECK (size >= 0),"
    "  root BLOB NOT NULL CHECK (length(root) = 32)) STRICT;"
    "INSERT INTO head VALUES (1, 0,"
    "  x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');" /* SHA-256("") */
    "CREATE TABLE entry ("
    "  idx INTEGER PRIMARY KEY,"
    "  leaf BLOB NOT NULL CHECK (length(leaf) = 32),"
    "  record BLOB NOT NULL CHECK (length(record) = 32),"
    "  bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX entry_leaf ON entry (leaf);"
    "CREATE INDEX entry_record ON entry (record);"
    "CREATE TABLE tile ("
    "  key INTEGER PRIMARY KEY,"
    "  hashes BLOB NOT NULL) STRICT;"
    "CREATE TABLE object ("
    "  id INTEGER PRIMARY KEY,"
    "  size INTEGER NOT NULL,"
    "  state INTEGER NOT NULL CHECK (state IN (0, 1, 2))) STRICT;"
    "CREATE INDEX object_hidden ON object (state, size) WHERE state <> 1;"
    "CREATE TABLE chunk ("
    "  object INTEGER NOT NULL REFERENCES object (id),"
    "  n INTEGER NOT NULL,"
    "  bytes BLOB NOT NULL,"
    "  PRIMARY KEY (object, n)) STRICT;"
    "CREATE TABLE blob ("
    "  hash BLOB PRIMARY KEY NOT NULL CHECK (length(hash) = 32),"
    "  object INTEGER NOT NULL UNIQUE REFERENCES object (id),"
    "  put_s INTEGER NOT NULL,"
    "  entry INTEGER REFERENCES entry (idx)) STRICT;"
    "CREATE INDEX blob_unreferenced ON blob (put_s) WHERE entry IS NULL;"
    "CREATE TABLE release_key ("
    "  blob BLOB PRIMARY KEY NOT NULL REFERENCES blob (hash) ON DELETE CASCADE,"
    "  padded BLOB NOT NULL) STRICT;"
    "CREATE TABLE kv ("
    "  name TEXT PRIMARY KEY NOT NULL,"
    "  value BLOB NOT NULL) STRICT;"
    "CREATE TABLE snapshot ("
    "  name TEXT PRIMARY KEY NOT NULL,"
    "  object INTEGER NOT NULL UNIQUE REFERENCES object (id),"
    "  size INTEGER NOT NULL,"
    "  root BLOB NOT NULL CHECK (length(root) = 32)) STRICT;"
    "PRAGMA user_version = 1;";

/* Entries are found by hash in memory (sqlite_find.c); snapshots of the fold lie
 * beside the store. */
static const char migration_2[] = "DROP INDEX IF EXISTS entry_leaf;"
                                  "DROP INDEX IF EXISTS entry_record;"
                                  "DROP TABLE IF EXISTS snapshot;"
                                  "PRAGMA user_version = 2;";

const char *const demur_db_migrations[] = {migration_1, migration_2};
const size_t demur_db_version = DEMUR_COUNT(demur_db_migrations);

/* A schema that someone else wrote into the file is data, not code. */
#define PRAGMAS_BOTH                                                                               \
    "PRAGMA trusted_schema = OFF;"                                                                 \
    "PRAGMA cell_size_check = ON;"                                                                 \
    "PRAGMA temp_store = MEMORY;"
const char *const demur_db_pragmas_reader = PRAGMAS_BOTH "PRAGMA cache_size = -4096;"
                                                         "PRAGMA query_only = ON;";
/* The engine checkpoints by itself (sqlite_conn.c) to learn of failures. */
const char *const demur_db_pragmas_writer = PRAGMAS_BOTH "PRAGMA cache_size = -16384;"
                                                         "PRAGMA synchronous = FULL;"
                                                         "PRAGMA foreign_keys = ON;"
                                                         "PRAGMA secure_delete = ON;"
                                                         "PRAGMA wal_autocheckpoint = 0;"
                                                         "PRAGMA journal_size_limit = 67108864;";

/* The same ones each time, within one transaction. */
#define SWEPT(column)                                                                              \
    "SELECT " column " FROM blob WHERE entry IS NULL AND put_s < ?1 ORDER BY put_s, rowid LIMIT "  \
    "?2"

const char *const demur_db_sql[SQL_COUNT] = {
    [SQL_HEAD_GET] = "SELECT size, root FROM head",
    [SQL_ENTRY_RANGE] = "SELECT idx, leaf, record, bytes FROM entry"
                        " WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
    [SQL_ENTRY_BYTES] = "SELECT bytes FROM entry WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
    [SQL_ENTRY_HASHES] = "SELECT idx, leaf, record FROM entry WHERE idx >= ?1 AND idx < ?2"
                         " ORDER BY idx",
    [SQL_TILE_GET] = "SELECT hashes FROM tile WHERE key = ?1",
    [SQL_BLOB_STAT] = "SELECT o.size, b.put_s, b.entry IS NOT NULL, coalesce(b.entry, 0)"
                      " FROM blob b JOIN object o ON o.id = b.object WHERE b.hash = ?1",
    [SQL_BLOB_CHUNKS] = "SELECT o.size, c.n, c.bytes FROM blob b JOIN object o ON o.id = b.object"
                        " LEFT JOIN chunk c ON c.object = o.id AND c.n >= ?2 AND c.n < ?3"
                        " WHERE b.hash = ?1 ORDER BY c.n",
    [SQL_BLOB_LIST] = "SELECT hash FROM blob WHERE hash > ?1 ORDER BY hash LIMIT 1",
    [SQL_BLOB_PENDING] = "SELECT coalesce((SELECT sum(o.size) FROM blob b JOIN object o"
                         "  ON o.id = b.object WHERE b.entry IS NULL), 0)"
                         " + coalesce((SELECT sum(size) FROM object WHERE state <> 1), 0)",
    [SQL_BLOB_WAITING] = "SELECT coalesce(sum(max(o.size, ?1)), 0) FROM blob b JOIN object o"
                         " ON o.id = b.object WHERE b.entry IS NULL",
    [SQL_BLOB_WAITS] = "SELECT max(o.size, ?2) FROM blob b JOIN object o"
                       " ON o.id = b.object WHERE b.hash = ?1 AND b.entry IS NULL",
    [SQL_RELEASE_GET] = "SELECT padded FROM release_key WHERE blob = ?1",
    [SQL_KV_GET] = "SELECT value FROM kv WHERE name = ?1",
    [SQL_TILE_LIST] = "SELECT key, hashes FROM tile ORDER BY key",
    [SQL_INTEGRITY] = "PRAGMA integrity_check(100)",
    [SQL_FOREIGN_KEYS] = "PRAGMA foreign_key_check",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",

    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_HEAD_SWAP] = "UPDATE head SET size = ?3, root = ?4 WHERE size = ?1 AND root = ?2",
    [SQL_ENTRY_PUT] = "INSERT INTO entry (idx, leaf, record, bytes) VALUES (?1, ?2, ?3, ?4)",
    [SQL_TILE_PUT] = "INSERT INTO tile (key, hashes) VALUES (?1, ?2)"
                     " ON CONFLICT (key) DO UPDATE SET hashes = excluded.hashes",
    [SQL_OBJECT_NEW] = "INSERT INTO object (size, state) VALUES (0, 0)",
    [SQL_OBJECT_GROW] = "UPDATE object SET size = size + ?2 WHERE id = ?1",
    [SQL_OBJECT_STATE] = "UPDATE object SET state = ?2 WHERE id = ?1",
    /* without `state <> 1` SQLite does not see that its index of those holds them */
    [SQL_OBJECT_ORPHANS] = "UPDATE object SET state = 2 WHERE state = 0 AND state <> 1",
    [SQL_OBJECT_LEAVING] = "SELECT id FROM object WHERE state = 2 AND state <> 1 LIMIT 1",
    /* the number may be another one's by now */
    [SQL_OBJECT_LEAVES] = "SELECT id FROM object WHERE id = ?1 AND state = 2",
    [SQL_OBJECT_DELETE] = "DELETE FROM object WHERE id = ?1",
    [SQL_CHUNK_PUT] = "INSERT INTO chunk (object, n, bytes) VALUES (?1, ?2, ?3)",
    [SQL_CHUNK_DELETE] = "DELETE FROM chunk WHERE (object, n) IN"
                         " (SELECT object, n FROM chunk WHERE object = ?1 ORDER BY n LIMIT ?2)",
    [SQL_BLOB_PUT] = "INSERT INTO blob (hash, object, put_s) VALUES (?1, ?2, ?3)",
    [SQL_BLOB_TOUCH] = "UPDATE blob SET put_s = max(put_s, ?2) WHERE hash = ?1",
    [SQL_BLOB_REFER] = "UPDATE blob SET entry = coalesce(entry, ?2) WHERE hash = ?1",
    [SQL_BLOB_LEAVE] = "UPDATE object SET state = 2"
                       " WHERE id = (SELECT object FROM blob WHERE hash = ?1)",
    [SQL_BLOB_DELETE] = "DELETE FROM blob WHERE hash = ?1",
    [SQL_SWEEP_COUNT] = "SELECT coalesce(sum(max(o.size, ?3)), 0) FROM object o"
                        " WHERE o.id IN (" SWEPT("object") ")",
    [SQL_SWEEP_LEAVE] = "UPDATE object SET state = 2 WHERE id IN (" SWEPT("object") ")",
    [SQL_SWEEP_DELETE] = "DELETE FROM blob WHERE rowid IN (" SWEPT("rowid") ")",
    [SQL_RELEASE_PUT] = "INSERT INTO release_key (blob, padded) VALUES (?1, ?2)"
                        " ON CONFLICT (blob) DO UPDATE SET padded = excluded.padded",
    [SQL_RELEASE_DELETE] = "DELETE FROM release_key WHERE blob = ?1",
    [SQL_KV_PUT] = "INSERT INTO kv (name, value) VALUES (?1, ?2)"
                   " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    [SQL_KV_DELETE] = "DELETE FROM kv WHERE name = ?1",
};
