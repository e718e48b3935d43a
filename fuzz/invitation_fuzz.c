/* Invitations and officers' cards: what parses is written again in the form that
 * it has without the white space and the upper case that parsing forgives. For an
 * invitation the input is also tried as bytes under a checksum that fits, which
 * no mutation would find. */
#include "../core/encode.h"
#include "../core/hash.h"
#include "../core/keys.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
    if (!so)
        abort();
}

static void invitation(struct span text)
{
    struct demur_invitation in, back;
    struct demur_diag diag = {0};
    enum demur_err err = demur_invitation_parse(&in, text, &diag);
    must(err == diag.code);
    if (err != DEMUR_OK)
        return;
    uint8_t line[DEMUR_INVITATION_MAX];
    struct buf out = buf_over(line, sizeof line);
    demur_invitation_put(&out, &in);
    must(buf_ok(&out));
    must(demur_invitation_parse(&back, buf_span(&out), NULL) == DEMUR_OK);
    must(memcmp(back.channel, in.channel, 32) == 0 && memcmp(back.secret, in.secret, 32) == 0 &&
         strcmp(back.url, in.url) == 0 && strcmp(back.handle, in.handle) == 0 &&
         strcmp(back.token, in.token) == 0);
}

static void checked(const uint8_t *data, size_t size)
{
    uint8_t bytes[700], check[32], line[1200];
    struct buf b = buf_over(bytes, sizeof bytes), text = buf_over(line, sizeof line);
    buf_put(&b, data, size);
    demur_hash(check, buf_span(&b));
    buf_put(&b, check, 4);
    buf_put_str(&text, "demur-invite1");
    demur_base32_encode(&text, buf_span(&b));
    if (buf_ok(&b) && buf_ok(&text))
        invitation(buf_span(&text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    invitation(span_of(data, size));
    checked(data, size);
    struct demur_officer officer;
    struct demur_diag diag = {0};
    enum demur_err err = demur_officer_parse(&officer, span_of(data, size), &diag);
    must(err == diag.code);
    must(err != DEMUR_OK || strlen(officer.recipient) == DEMUR_RECIPIENT_LEN);
    return 0;
}
