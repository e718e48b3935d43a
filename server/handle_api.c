/* handle_api.c - JSON views of the fold, as of this second. */
#include "../core/json.h"
#include "service.h"

#define VIEW_FIRST ((size_t)64 << 10)
#define VIEW_MAX ((size_t)64 << 20)

typedef enum demur_err view(const struct demur_engine *e, const struct demur_request *r,
                            uint64_t now, struct buf *out, struct demur_diag *diag);

/* Views say SPACE when the buffer is too small: try a larger one. */
static bool view_reply(struct demur_service *s, struct demur_request *r, view *write)
{
    struct demur_diag diag = {0};
    enum demur_err err = DEMUR_ERR_SPACE;
    for (size_t cap = VIEW_FIRST; err == DEMUR_ERR_SPACE && cap <= VIEW_MAX; cap *= 4) {
        if (!demur_memory_take(s, DEMUR_MEMORY_ANSWER, cap)) {
            demur_reply_busy(&r->reply);
            return true;
        }
        uint8_t *bytes = malloc(cap);
        struct buf out = buf_over(bytes, bytes ? cap : 0);
        demur_engine_read(s->engine);
        err = demur_engine_sound(s->engine, &diag);
        if (!err)
            err = write(s->engine, r, demur_engine_now(s->engine), &out, &diag);
        demur_engine_unread(s->engine);
        demur_memory_give(s, cap); /* what remains is counted with the answer */
        if (err) {
            free(bytes);
            continue;
        }
        uint8_t *fitted = realloc(bytes, out.len + 1);
        demur_reply_body(&r->reply, "application/json", fitted ? fitted : bytes, out.len);
    }
    if (err)
        demur_reply_error(&r->reply, err, &diag, NULL);
    return true;
}

static enum demur_err channel_view(const struct demur_engine *e, const struct demur_request *r,
                                   uint64_t now, struct buf *out, struct demur_diag *diag)
{
    (void)r;
    (void)diag;
    return demur_view_channel(e->channel, now, out);
}

static enum demur_err policy_view(const struct demur_engine *e, const struct demur_request *r,
                                  uint64_t now, struct buf *out, struct demur_diag *diag)
{
    (void)r;
    (void)now;
    (void)diag;
    return demur_view_policy(e->channel, out);
}

static enum demur_err roster_view(const struct demur_engine *e, const struct demur_request *r,
                                  uint64_t now, struct buf *out, struct demur_diag *diag)
{
    (void)r;
    (void)diag;
    return demur_view_roster(e->channel, now, out);
}

static enum demur_err board_view(const struct demur_engine *e, const struct demur_request *r,
                                 uint64_t now, struct buf *out, struct demur_diag *diag)
{
    (void)r;
    (void)diag;
    return demur_view_board(e->channel, now, out);
}

static enum demur_err dissent_view(const struct demur_engine *e, const struct demur_request *r,
                                   uint64_t now, struct buf *out, struct demur_diag *diag)
{
    return demur_view_dissent(e->channel, r->arg, now, out, diag);
}

static enum demur_err calendars_view(const struct demur_engine *e, const struct demur_request *r,
                                     uint64_t now, struct buf *out, struct demur_diag *diag)
{
    (void)r;
    (void)now;
    (void)diag;
    const struct demur_text_entry *entries = e->calendars.items;
    struct demur_json j = demur_json_over(out);
    demur_json_open(&j, NULL, '{');
    demur_json_open(&j, "calendars", '[');
    for (size_t i = 0; i < e->calendars.len; i++) {
        demur_json_open(&j, NULL, '{');
        demur_json_text(&j, "name", span_str(entries[i].name));
        demur_json_number(&j, "index", entries[i].index);
        demur_json_time(&j, "at", entries[i].at);
        demur_json_hex(&j, "sha256", entries[i].text.hash, 32);
        demur_json_number(&j, "size", entries[i].text.size);
        demur_json_close(&j, '}');
    }
    demur_json_close(&j, ']');
    demur_json_close(&j, '}');
    buf_put_byte(out, '\n');
    return buf_ok(out) ? DEMUR_OK : DEMUR_ERR_SPACE;
}

bool demur_handle_channel(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, channel_view);
}
bool demur_handle_policy(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, policy_view);
}
bool demur_handle_calendars(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, calendars_view);
}
bool demur_handle_roster(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, roster_view);
}
bool demur_handle_board(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, board_view);
}
bool demur_handle_dissent(struct demur_service *s, struct demur_request *r)
{
    return view_reply(s, r, dissent_view);
}
