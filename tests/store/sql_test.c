/* No statement reads a whole table, but for those that are meant to. */
#include <sqlite3.h>

#include "../../store/sqlite.h"
#include "world.h"

static bool may_scan(enum db_sql n)
{
    return n == SQL_HEAD_GET || n == SQL_HEAD_SWAP ||      /* one row */
           n == SQL_TILE_LIST || n == SQL_FOREIGN_KEYS ||  /* of the check */
           n == SQL_BLOB_PENDING || n == SQL_BLOB_WAITING; /* add up what waits, by its index */
}

TEST(store_statements_use_their_indexes)
{
    struct world w;
    world_init(&w);
    demur_store_close(world_open(&w));
    sqlite3 *db = NULL;
    REQUIRE(sqlite3_open(w.db, &db) == SQLITE_OK);
    unsigned searches = 0;
    for (int i = 0; i < SQL_COUNT; i++) {
        char text[1024];
        sqlite3_stmt *plan = NULL;
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", demur_db_sql[i]);
        CHECK(sqlite3_prepare_v2(db, text, -1, &plan, NULL) == SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            searches += !strncmp(step, "SEARCH ", 7);
            if (!strncmp(step, "SCAN ", 5) && !may_scan((enum db_sql)i))
                test_failed(__FILE__, __LINE__, "%s: %s", demur_db_sql[i], step);
        }
        sqlite3_finalize(plan);
    }
    CHECK(searches > 20);
    sqlite3_close(db);
    world_end(&w);
}
