#include "json.h"

#include "civil.h"
#include "encode.h"

static void put_string(struct buf *out, struct span s)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];
        if (c == '"' || c == '\\') {
            buf_put_byte(out, '\\');
            buf_put_byte(out, c);
        } else if (c < 0x20) {
            uint8_t code[6] = {'\\', 'u', '0', '0', (uint8_t)('0' + (c >> 4)), 0};
            code[5] = (uint8_t)((c & 15) < 10 ? '0' + (c & 15) : 'a' + (c & 15) - 10);
            buf_put(out, code, sizeof code);
        } else {
            buf_put_byte(out, c);
        }
    }
    buf_put_byte(out, '"');
}

static void put_key(struct demur_json *j, const char *key)
{
    if (j->after)
        buf_put_byte(j->out, ',');
    j->after = true;
    if (key) {
        put_string(j->out, span_str(key));
        buf_put_byte(j->out, ':');
    }
}

void demur_json_open(struct demur_json *j, const char *key, char bracket)
{
    put_key(j, key);
    buf_put_byte(j->out, (uint8_t)bracket);
    j->after = false;
}

void demur_json_close(struct demur_json *j, char bracket)
{
    buf_put_byte(j->out, (uint8_t)bracket);
    j->after = true;
}

void demur_json_text(struct demur_json *j, const char *key, struct span value)
{
    put_key(j, key);
    put_string(j->out, value);
}

void demur_json_hex(struct demur_json *j, const char *key, const uint8_t *bytes, size_t len)
{
    put_key(j, key);
    buf_put_byte(j->out, '"');
    demur_hex_encode(j->out, span_of(bytes, len));
    buf_put_byte(j->out, '"');
}

void demur_json_base64(struct demur_json *j, const char *key, const uint8_t *bytes, size_t len)
{
    put_key(j, key);
    buf_put_byte(j->out, '"');
    demur_base64_encode(j->out, span_of(bytes, len));
    buf_put_byte(j->out, '"');
}

void demur_json_number(struct demur_json *j, const char *key, uint64_t value)
{
    put_key(j, key);
    buf_put_u64(j->out, value);
}

void demur_json_bool(struct demur_json *j, const char *key, bool value)
{
    put_key(j, key);
    buf_put_str(j->out, value ? "true" : "false");
}

void demur_json_null(struct demur_json *j, const char *key)
{
    put_key(j, key);
    buf_put_str(j->out, "null");
}

void demur_json_time(struct demur_json *j, const char *key, uint64_t unix_s)
{
    if (!unix_s) {
        demur_json_null(j, key);
        return;
    }
    put_key(j, key);
    buf_put_byte(j->out, '"');
    demur_time_put(j->out, (int64_t)unix_s, 0);
    buf_put_byte(j->out, '"');
}
