/* json.h - a JSON writer into a bounded buffer: RFC 8259, no spaces, fields in
 * the order in which they are put. Strings are checked to be UTF-8 by callers.
 *
 *     struct demur_json j = demur_json_over(&buf);
 *     demur_json_open(&j, NULL, '{');
 *     demur_json_text(&j, "name", span);
 *     demur_json_close(&j, '}');
 *
 * `key` is NULL inside arrays and at the top. Overflow is the buffer's.
 */
#ifndef DEMUR_CORE_JSON_H
#define DEMUR_CORE_JSON_H

#include "base.h"

struct demur_json {
    struct buf *out;
    bool after; /* something stands before at this depth */
};

static inline struct demur_json demur_json_over(struct buf *out)
{
    return (struct demur_json){out, false};
}
void demur_json_open(struct demur_json *j, const char *key, char bracket);
void demur_json_close(struct demur_json *j, char bracket);
void demur_json_text(struct demur_json *j, const char *key, struct span value);
void demur_json_hex(struct demur_json *j, const char *key, const uint8_t *bytes, size_t len);
void demur_json_base64(struct demur_json *j, const char *key, const uint8_t *bytes, size_t len);
void demur_json_number(struct demur_json *j, const char *key, uint64_t value);
void demur_json_bool(struct demur_json *j, const char *key, bool value);
void demur_json_null(struct demur_json *j, const char *key);
/* Unix seconds as an RFC 3339 string in UTC; null for 0. */
void demur_json_time(struct demur_json *j, const char *key, uint64_t unix_s);

#endif
