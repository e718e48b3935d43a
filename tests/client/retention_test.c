/* A dissent whose time of retention is over: by an honest records office, what anybody can read
 * of it and check of it afterwards. */
#include "live.h"

#include <sodium.h>
#include <unistd.h>

#define YEARS_S (4ull * 366 * 86400) /* the policy says three years */
#define GONE_WITHIN_MS 20000         /* the server looks twice a second; valgrind is slow */

static bool file_holds(const char *dir, const char *name, struct span needle)
{
    char path[160];
    struct demur_bytes file = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (demur_path_read(path, 64u << 20, &file, NULL) != DEMUR_OK)
        return false;
    bool found = false;
    for (size_t i = 0; !found && i + needle.len <= file.len; i++)
        found = file.p[i] == needle.p[0] && memcmp(file.p + i, needle.p, needle.len) == 0;
    demur_bytes_free(&file);
    return found;
}

static bool on_disk(struct live *l, struct span needle)
{
    return file_holds(l->f->dir, "log.db", needle) || file_holds(l->f->dir, "log.db-wal", needle);
}

static bool gone_from_disk(struct live *l, struct span needle)
{
    for (int ms = 0; ms < GONE_WITHIN_MS; ms += 100) {
        if (!on_disk(l, needle))
            return true;
        usleep(100000);
    }
    return false;
}

/* The years went by at once: the server has not ticked in them. */
static bool ticks(struct live *l)
{
    for (int ms = 0; ms < GONE_WITHIN_MS; ms += 100) {
        if (demur_client_sync(l->c, &l->diag) == DEMUR_OK &&
            demur_client_last_tick(l->c) + 86400 > demur_client_now(l->c))
            return true;
        usleep(100000);
    }
    return false;
}

static enum demur_err expunge(struct live *l, const char *dissent, size_t *blobs)
{
    return demur_act_expunge(l->c, &l->office, dissent, NULL, blobs, NULL, &l->diag);
}

static enum demur_err read_memo(struct live *l, struct demur_actor *who, const char *dissent)
{
    struct demur_reading r = {0};
    enum demur_err err = demur_read_memo(l->c, who, dissent, NULL, &r, &l->diag);
    if (!err)
        demur_reading_free(&r);
    return err;
}

static void after_the_time_of_retention(struct live *l)
{
    struct demur_actor author;
    struct demur_dissent_info info;
    struct demur_bytes memo = {0};
    struct demur_signature *list = NULL;
    const struct demur_writing message = {.body = span_lit("It is worse now.\n")};
    uint8_t release[32];
    size_t blobs = 0, n = 0;
    REQUIRE(live_file(l, 1, true, &author));
    const char *id = author.dissent;
    CHECK_SAYS(read_memo(l, &l->office, id), DEMUR_OK, "");
    CHECK_SAYS(demur_act_say(l->c, &author, NULL, NULL, &message, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(expunge(l, id, &blobs), DEMUR_ERR_STAGE, "");
    CHECK_SAYS(demur_act_withdraw(l->c, &author, NULL, &l->diag), DEMUR_OK, "");
    CHECK_SAYS(expunge(l, id, &blobs), DEMUR_ERR_TIME, "");
    CHECK(blobs == 0);
    REQUIRE(demur_client_sync(l->c, &l->diag) == DEMUR_OK &&
            demur_channel_dissent_find(demur_client_channel(l->c), span_str(id),
                                       demur_client_view_time(l->c), &info) &&
            demur_client_blob(l->c, &info.memo, &memo, &l->diag) == DEMUR_OK);
    demur_release_key(release, author.phrase, l->f->w->fingerprint, info.revision);
    struct span start = span_take(span_skip(demur_bytes_span(&memo), 200), 64);
    CHECK(on_disk(l, start) && on_disk(l, span_of(release, 32)));

    live_wait(l, YEARS_S);
    CHECK_SAYS(demur_act_expunge(l->c, &l->board, id, NULL, &blobs, NULL, &l->diag),
               DEMUR_ERR_FORBIDDEN, "no role that the policy lets expunge");
    CHECK_SAYS(expunge(l, id, &blobs), DEMUR_OK, "");
    CHECK(blobs == 3);                                /* memo, card, message */
    CHECK_SAYS(expunge(l, id, &blobs), DEMUR_OK, ""); /* again, to no effect */
    CHECK(gone_from_disk(l, start) && gone_from_disk(l, span_of(release, 32)));
    CHECK_SAYS(read_memo(l, &l->office, id), DEMUR_ERR_STAGE,
               "under the policy's rule of retention");
    CHECK_SAYS(read_memo(l, &author, id), DEMUR_ERR_STAGE, "under the policy's rule of retention");
    /* Its signatures are counted and checked as before; the names are gone. */
    CHECK_SAYS(demur_signatures(l->c, &l->office, id, true, &list, &n, &l->diag), DEMUR_OK, "");
    CHECK(n == 1 && list[0].card == DEMUR_CARD_ABSENT);
    free(list);
    CHECK(ticks(l));
    struct demur_audit_report report = {0};
    struct demur_client_options o = live_options(l, "auditor");
    CHECK_SAYS(demur_audit(&report, &o, NULL, NULL, 0, &l->diag), DEMUR_OK, "");
    CHECK(report.refused == 0 && report.dissents == 1 && report.signatures == 1);
    REQUIRE(report.expunges_len == 2 && report.expunged == 3);
    CHECK(report.expunges[0].blobs == 3 && report.expunges[1].blobs == 0); /* named already */
    CHECK(strcmp(report.expunges[0].dissent, id) == 0);
    CHECK(strcmp(report.expunges[0].role, "people-office") == 0);
    CHECK(report.expunges[0].at >= demur_client_now(l->c) - 3600);
    demur_audit_report_free(&report);
    demur_bytes_free(&memo);
}

TEST(retention_is_over) { live_run(after_the_time_of_retention); }
