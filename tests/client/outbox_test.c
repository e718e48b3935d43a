/* A filing whose sending somebody in between disturbs is filed once, or not at all. */
#include "../../client/internal.h"
#include "between.h"
#include "live.h"

#include <unistd.h>

#define REFUSED                                                                                    \
    "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nConnection: "             \
    "close\r\n\r\n{\"detail\":\"not today\"}"
#define BARE_CONFLICT                                                                              \
    "HTTP/1.1 409 Conflict\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>Conflict</p>"
#define STALE                                                                                      \
    "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nConnection: "              \
    "close\r\n\r\n{\"type\":\"about:blank#stale\",\"detail\":\"the log has moved on\"}"

struct meddled {
    struct between between;
    struct demur_client *c; /* reaches the server through it */
    struct demur_draft *draft;
    char id[33];
};

static bool meddled_begin(struct live *l, struct meddled *m)
{
    struct demur_filing filing = live_filing(false);
    struct demur_client_options o = live_options(l, "meddled");
    *m = (struct meddled){0};
    if (!between_start(&m->between, l->f->port))
        return false;
    o.url = m->between.url;
    enum demur_err err = demur_client_open(&m->c, &o, &l->diag);
    if (!err)
        err = demur_draft_make(&m->draft, m->c, &l->member[0], &filing, &l->diag);
    if (err)
        test_failed(__FILE__, __LINE__, "%s", l->diag.text);
    else
        memcpy(m->id, demur_draft_dissent(m->draft), sizeof m->id);
    return !err;
}

static void meddled_end(struct meddled *m)
{
    demur_draft_free(m->draft);
    demur_client_close(m->c);
    between_stop(&m->between);
}

static bool waits(struct meddled *m)
{
    char id[33];
    bool found = false;
    for (size_t i = 0; !found && demur_outbox_next(m->c, i, id); i++)
        found = strcmp(id, m->id) == 0;
    return found;
}

static uint64_t dissents(struct live *l)
{
    return demur_client_sync(l->c, &l->diag) == DEMUR_OK
               ? demur_channel_dissents(demur_client_channel(l->c))
               : UINT64_MAX;
}

static void a_refused_filing_waits(struct live *l)
{
    struct meddled m;
    struct demur_draft *second = NULL;
    struct demur_filing filing = live_filing(false);
    if (meddled_begin(l, &m)) {
        m.between.meddle = "PUT /blob";
        m.between.answer = REFUSED;
        CHECK_SAYS(demur_draft_send(m.draft, NULL, &l->diag), DEMUR_ERR_FORBIDDEN, "not today");
        CHECK(waits(&m));
        m.between.meddle = NULL;
        CHECK_SAYS(demur_draft_make(&second, m.c, &l->member[0], &filing, &l->diag),
                   DEMUR_ERR_STAGE, "is not confirmed yet");
        CHECK_SAYS(demur_outbox_send(m.c, m.id, NULL, &l->diag), DEMUR_OK, "");
        CHECK(!waits(&m) && dissents(l) == 1);
        CHECK_SAYS(demur_draft_make(&second, m.c, &l->member[0], &filing, &l->diag), DEMUR_OK, "");
        demur_draft_free(second);
    }
    meddled_end(&m);
}

TEST(outbox_a_refused_filing_waits) { live_run(a_refused_filing_waits); }

static void a_lost_answer_files_once(struct live *l)
{
    struct meddled m;
    struct demur_sent sent = {0};
    if (meddled_begin(l, &m)) {
        m.between.meddle = "POST /append";
        m.between.answer = BARE_CONFLICT;
        m.between.after = true;
        CHECK_SAYS(demur_draft_send(m.draft, NULL, &l->diag), DEMUR_ERR_IO, "did not say why");
        CHECK(waits(&m) && dissents(l) == 1);
        m.between.answer = STALE;
        CHECK_SAYS(demur_outbox_send(m.c, m.id, &sent, &l->diag), DEMUR_OK, "");
        CHECK(!waits(&m) && dissents(l) == 1);
        CHECK(sent.receipt[0] && sent.index + 1 == demur_channel_size(demur_client_channel(l->c)));
    }
    meddled_end(&m);
}

TEST(outbox_a_lost_answer_files_once) { live_run(a_lost_answer_files_once); }

static void what_can_never_be_filed_is_dropped(struct live *l)
{
    struct meddled m;
    if (meddled_begin(l, &m)) {
        m.between.meddle = "POST /append";
        m.between.answer = BARE_CONFLICT;
        CHECK_SAYS(demur_draft_send(m.draft, NULL, &l->diag), DEMUR_ERR_IO, "did not say why");
        CHECK(waits(&m));
        m.between.answer = STALE;
        CHECK_SAYS(demur_outbox_send(m.c, m.id, NULL, &l->diag), DEMUR_ERR_STALE, "moved on");
        CHECK(!waits(&m) && dissents(l) == 0);
    }
    meddled_end(&m);
}

TEST(outbox_what_can_never_be_filed_is_dropped) { live_run(what_can_never_be_filed_is_dropped); }

/* A folder without its record, which it gets last and loses first: some program was ended there. */
static void what_was_left_half_is_swept(struct live *l)
{
    struct meddled m;
    struct demur_draft *another = NULL;
    struct demur_filing filing = live_filing(false);
    char blobs[PATH_LEN + 60], card[sizeof blobs + 10];
    if (meddled_begin(l, &m) &&
        !demur_draft_make(&another, m.c, &l->member[1], &filing, &l->diag)) {
        m.between.meddle = "PUT /blob";
        m.between.answer = REFUSED;
        CHECK_SAYS(demur_draft_send(m.draft, NULL, &l->diag), DEMUR_ERR_FORBIDDEN, "not today");
        snprintf(blobs, sizeof blobs, "%s/outbox/%.32s.sign/blobs", m.c->data,
                 "abcdefghijklmnopqrstuvwxyz234567");
        snprintf(card, sizeof card, "%s/card", blobs);
        CHECK_SAYS(demur_path_folder(blobs, &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_path_write(card, span_lit("sealed"), &l->diag), DEMUR_OK, "");
        CHECK_SAYS(demur_draft_send(another, NULL, &l->diag), DEMUR_ERR_FORBIDDEN, "not today");
        CHECK(access(blobs, F_OK) != 0);
        CHECK(waits(&m) && demur_outbox_next(m.c, 1, m.id)); /* these have theirs */
    }
    CHECK(another != NULL);
    demur_draft_free(another);
    meddled_end(&m);
}

TEST(outbox_what_was_left_half_is_swept) { live_run(what_was_left_half_is_swept); }
