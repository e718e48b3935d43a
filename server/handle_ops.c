/* handle_ops.c - for whoever runs the server: description, health, figures. */
#include "../embedded/embedded.h"
#include "service.h"

#define METRICS_MAX 32768

bool demur_handle_openapi(struct demur_service *s, struct demur_request *r)
{
    (void)s;
    const struct demur_embedded *file = demur_embedded_find("docs/api/openapi.yaml");
    r->reply.status = 200;
    r->reply.type = "application/yaml";
    r->reply.constant = span_of(file->bytes, file->len);
    return true;
}

bool demur_handle_health(struct demur_service *s, struct demur_request *r)
{
    struct demur_diag diag = {0};
    if (atomic_load(&s->stopping))
        demur_reply_problem(&r->reply, 503, "stopping", "the server is stopping", NULL, NULL);
    else if (demur_sequencer_state(s->sequencer, &diag))
        demur_reply_problem(&r->reply, 503, "stopping", "a commit failed: see the server's log",
                            NULL, NULL);
    else
        demur_reply_copy(&r->reply, "text/plain; charset=utf-8", span_lit("ok\n"));
    return true;
}

bool demur_handle_metrics(struct demur_service *s, struct demur_request *r)
{
    struct demur_published published;
    struct demur_gauges now = {0};
    uint8_t *text = malloc(METRICS_MAX);
    struct buf out = buf_over(text, text ? METRICS_MAX : 0);
    demur_engine_published(s->engine, &published);
    now.log_size = published.size;
    demur_engine_read(s->engine);
    now.without_effect = demur_channel_refused(s->engine->channel);
    demur_engine_unread(s->engine);
    now.confined = s->confined;
    now.connections = demur_connections_count(s->connections);
    now.memory = atomic_load(&s->memory);
    now.appends_waiting = demur_sequencer_waiting(s->sequencer);
    struct demur_diag diag = {0};
    enum demur_err err = demur_store_blob_pending(s->engine->store, &now.blobs_waiting, &diag);
    demur_metrics_put(&out, &s->metrics, &now);
    if (!err && !buf_ok(&out))
        err = demur_fail(&diag, DEMUR_ERR_MEMORY, "out of memory");
    if (err) {
        free(text);
        demur_reply_error(&r->reply, err, &diag, NULL);
        return true;
    }
    demur_reply_body(&r->reply, "text/plain; version=0.0.4; charset=utf-8", text, out.len);
    return true;
}
