/* handle_append.c - POST /append: from a body to a receipt or a problem. */
#include "journal.h"
#include "service.h"

static void refused_answer(struct demur_service *s, struct demur_request *r)
{
    struct demur_append *a = r->append;
    size_t code = (size_t)a->diag.code;
    if (code < DEMUR_METRIC_CODES)
        atomic_fetch_add(&s->metrics.refused[code], 1);
    demur_journal("refused a record: %s", demur_err_name(a->diag.code));
    if (a->state == DEMUR_APPEND_LACKS)
        demur_reply_problem(&r->reply, 424, demur_err_name(DEMUR_ERR_MISSING), a->diag.text,
                            &a->diag, NULL);
    else
        demur_reply_error(&r->reply, a->diag.code, &a->diag, a->has_latest ? a->latest : NULL);
}

static enum demur_err receipt_make(struct demur_service *s, const struct demur_append *a,
                                   struct demur_store_bytes *out, struct demur_diag *diag)
{
    size_t cap = a->at ? a->text.len + 32 : 0;
    uint8_t *bytes = cap ? malloc(cap) : NULL;
    struct buf entry = buf_over(bytes, bytes ? cap : 0);
    if (bytes)
        demur_entry_write(&entry, a->at, a->text);
    enum demur_err err = demur_engine_receipt(s->engine, out, a->index, buf_span(&entry), diag);
    free(bytes);
    return err;
}

/* In libmicrohttpd's thread: a receipt is made of what is in memory. */
static void finish(struct demur_request *r)
{
    struct demur_service *s = r->service;
    struct demur_append *a = r->append;
    struct demur_store_bytes receipt = {0};
    struct demur_diag diag = {0};
    enum demur_err err;
    switch (a->state) {
    case DEMUR_APPEND_ACCEPTED:
        err = receipt_make(s, a, &receipt, &diag);
        if (err)
            demur_reply_error(&r->reply, err, &diag, NULL);
        else
            demur_reply_body(&r->reply, "text/plain; charset=utf-8", receipt.p, receipt.len);
        demur_histogram_add(&s->metrics.append_us, DEMUR_METRIC_US,
                            demur_now_us() - r->complete_us);
        break;
    case DEMUR_APPEND_REFUSED:
    case DEMUR_APPEND_LACKS:
        refused_answer(s, r);
        break;
    case DEMUR_APPEND_WAITING:
    case DEMUR_APPEND_UNKNOWN:
        demur_reply_problem(&r->reply, 503, "outcome-unknown",
                            "the server is stopping and does not know whether this was filed: "
                            "send the same bytes again in a while",
                            NULL, NULL);
        break;
    }
}

static void sequenced(struct demur_append *a) { demur_request_finish(a->owner, finish); }

static void sequence(struct demur_request *r)
{
    struct demur_append *a = r->append;
    if (a->state != DEMUR_APPEND_WAITING) {
        demur_request_finish(r, finish);
    } else if (!demur_sequencer_submit(r->service->sequencer, a)) {
        demur_reply_problem(&r->reply, 503, "busy",
                            "too many records wait, none of this was kept: send it again", NULL,
                            NULL);
        demur_request_answered(r);
    }
}

static void proven(struct demur_append *a)
{
    struct demur_request *r = a->owner;
    if (a->state == DEMUR_APPEND_REFUSED && a->diag.code == DEMUR_ERR_VERIFY)
        demur_conn_distrust(r->service->connections, r->conn);
    sequence(r);
}

static void prepared(struct demur_request *r)
{
    struct demur_service *s = r->service;
    struct demur_append *a = r->append;
    if (a->state == DEMUR_APPEND_ACCEPTED)
        atomic_fetch_add(&s->metrics.retried, 1);
    if (a->state == DEMUR_APPEND_WAITING && a->proofs.n)
        demur_proofs_add(s->proofs, a, demur_conn_distrusted(s->connections, r->conn));
    else
        sequence(r);
}

static void prepare_work(struct demur_work *work)
{
    struct demur_request *r =
        (struct demur_request *)(void *)((uint8_t *)work - offsetof(struct demur_request, work));
    demur_engine_prepare(r->service->engine, r->append);
    prepared(r);
}

bool demur_handle_append(struct demur_service *s, struct demur_request *r)
{
    struct demur_append *a = NULL;
    if (demur_request_memory(r, DEMUR_MEMORY_SMALL, sizeof *a))
        a = r->append = malloc(sizeof *a);
    if (!a) {
        demur_reply_error(&r->reply, DEMUR_ERR_MEMORY, NULL, NULL);
        return true;
    }
    memset(a, 0, offsetof(struct demur_append, record));
    a->text = span_of(r->body, (size_t)r->seen);
    a->owner = r;
    a->proven = proven;
    a->answer = sequenced;
    if (demur_engine_prepare_now(s->engine, a)) {
        demur_request_park(r);
        prepared(r);
    } else {
        r->work.run = prepare_work;
        demur_request_park(r);
        demur_workers_add(s->workers, &r->work);
    }
    return false;
}
