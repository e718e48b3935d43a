/* service.h - what the parts of the HTTP service share. Inside server/.
 *
 * A request is read by one of libmicrohttpd's threads (http.c), carried out by a
 * worker (workers.c, a handler of router.c's table), and answered by the former
 * again. A record waits for the sequencer in between, and before that with its proofs about
 * a ring for others about the same (proofs.c). So no slow client holds up a worker, and no
 * slow commit a client. Whatever of an upload waits for the
 * disk is a worker's too.
 */
#ifndef DEMUR_SERVER_SERVICE_H
#define DEMUR_SERVER_SERVICE_H

#include "connections.h"
#include "engine.h"
#include "metrics.h"
#include "proofs.h"
#include "sequencer.h"
#include "server.h"
#include "workers.h"

struct MHD_Connection;
struct demur_request;

struct demur_service {
    struct demur_engine *engine;
    struct demur_sequencer *sequencer;
    struct demur_workers *workers;
    struct demur_proofs *proofs;
    struct demur_connections *connections;
    struct demur_metrics metrics;
    bool confined; /* confine.h */
    uint64_t limits[DEMUR_LIMITS];
    uint8_t tokens[DEMUR_SERVER_TOKENS_MAX][32]; /* SHA-256 of each */
    size_t tokens_len;
    uint64_t uploads_per_address;  /* the limit, or none behind a proxy */
    uint64_t answers_per_address;  /* bytes; a quarter of what answers get, or no limit */
    atomic_size_t memory;          /* bytes held by requests and answers */
    atomic_uint_fast64_t arriving; /* bytes of uploads whose request is not over */
    atomic_size_t unfinished;      /* requests that began and are not over */
    atomic_bool stopping;
};

/* Who wants memory: uploads get a half of the limit, answers three quarters, and
 * small requests (records, release keys) with their answers all of it. So
 * whoever fills it with the former two keeps nobody from filing. And where answers
 * have none left, or an address none of its share, those who do not read theirs lose it. */
enum demur_memory_use { DEMUR_MEMORY_UPLOAD, DEMUR_MEMORY_ANSWER, DEMUR_MEMORY_SMALL };
/* Count bytes against the memory limit; false, and nothing counted, above it. */
bool demur_memory_take(struct demur_service *s, enum demur_memory_use use, size_t n) DEMUR_CHECKED;
void demur_memory_give(struct demur_service *s, size_t n);
/* The same for what a request holds until it is over. */
bool demur_request_memory(struct demur_request *r, enum demur_memory_use use,
                          size_t n) DEMUR_CHECKED;

/* ---- routes ------------------------------------------------------------- */

enum demur_method { DEMUR_GET, DEMUR_PUT, DEMUR_POST }; /* HEAD is a GET without a body */
enum demur_body { DEMUR_BODY_NONE, DEMUR_BODY_MEMORY, DEMUR_BODY_BLOB };

/* Carries a request out: sets its reply and returns true, or returns false when
 * somebody else will answer it with demur_request_answered. */
typedef bool demur_handler(struct demur_service *s, struct demur_request *r);

struct demur_route {
    enum demur_method method;
    const char *path; /* as in openapi.yaml; a last `{...}` takes the rest of the path */
    demur_handler *handle;
    enum demur_body body;
    size_t body_max; /* bytes */
    bool open;       /* without the token */
    /* Its handler runs in libmicrohttpd's thread, which costs less than to give it to a
     * worker. So it waits neither for a lock of the fold nor for a commit, and parks the
     * request before it returns false. */
    bool quick;
};

extern const struct demur_route demur_routes[]; /* ended by a NULL path */
/* The route of a path and method, and what stands for its `{...}`. NULL when
 * there is none; *others is then whether the path exists with other methods,
 * which `allow` (at least 32 bytes) names. */
const struct demur_route *demur_route_find(const char *method, struct span path, struct span *arg,
                                           bool *others, char *allow);

/* ---- replies ------------------------------------------------------------ */

struct demur_reply {
    unsigned status;
    const char *type;
    bool immutable; /* or else no-store */
    uint8_t *body;  /* on the heap, the reply's; or NULL */
    size_t body_len;
    struct span constant; /* instead of body: lives as long as the program */
    bool is_blob;         /* instead of body: streamed out of the store */
    uint8_t blob[32];
    uint64_t blob_size;
    char allow[32]; /* of a 405 */
    bool retry;     /* Retry-After: 1 */
    bool challenge; /* WWW-Authenticate */
};

/* Bytes in memory of a blob that is being sent, or of what else is sent in blocks. */
#define DEMUR_BLOB_BLOCK ((size_t)64 << 10)

struct demur_request {
    struct demur_service *service;
    struct MHD_Connection *connection;
    struct demur_conn *conn; /* its deadline; may be NULL */
    const struct demur_route *route;
    char path[256];          /* arg borrows from it */
    struct span arg;         /* what stands for the path's `{...}` */
    bool refused;            /* the reply is set: the rest of the body is thrown away */
    bool close;              /* answer at once, and end the connection */
    bool handed;             /* complete, and given to a worker */
    uint64_t declared, seen; /* bytes of the body: Content-Length, arrived */
    uint64_t marked;         /* of seen, or of an answer sent: when the deadline was last moved */
    uint64_t arriving;       /* counted in the service's */
    uint8_t *body;           /* BODY_MEMORY */
    struct demur_store_upload *upload;
    size_t memory; /* counted so far */
    uint64_t complete_us;
    struct demur_append *append; /* POST /append */
    void (*finish)(struct demur_request *r);
    struct demur_reply reply;
    struct demur_work work;
};

/* A body, and whoever reads an answer, has `body-seconds` for each so many bytes. */
#define DEMUR_PROGRESS ((uint64_t)256 << 10)
/* So much of it is there, or sent: its deadline moves when that is enough. */
void demur_request_progress(struct demur_request *r, uint64_t done);

/* The client's turn: a body that is only thrown away, and the answer to it, count for
 * no more than an idle connection. */
enum demur_conn_turn demur_request_turn(const struct demur_request *r);

/* Hold the connection until demur_request_answered or demur_request_finish. For quick
 * handlers; the others' are held already. */
void demur_request_park(struct demur_request *r);
/* Have libmicrohttpd's thread call `finish`, which sets the reply, and send that. Any
 * thread; the request must not be touched afterwards. */
void demur_request_finish(struct demur_request *r, void (*finish)(struct demur_request *r));
/* The reply is set: let libmicrohttpd send it. Any thread; the request must
 * not be touched afterwards. */
void demur_request_answered(struct demur_request *r);

/* Hand over `body` (heap) as the answer. */
void demur_reply_body(struct demur_reply *reply, const char *type, uint8_t *body, size_t len);
/* A copy; 503 when memory is out. */
void demur_reply_copy(struct demur_reply *reply, const char *type, struct span body);
/* An RFC 9457 problem. `code` is one of core's names or one of http.md's own;
 * `detail` one sentence without full stop; `diag` may be NULL and adds field
 * and line, `latest` may be NULL and adds that leaf hash. */
void demur_reply_problem(struct demur_reply *reply, unsigned status, const char *code,
                         const char *detail, const struct demur_diag *diag, const uint8_t *latest);
/* The problem of a core error, with the status of docs/formats/http.md. */
void demur_reply_error(struct demur_reply *reply, enum demur_err err, const struct demur_diag *diag,
                       const uint8_t *latest);
/* 503: there is no memory for the answer. */
void demur_reply_busy(struct demur_reply *reply);
void demur_reply_free(struct demur_reply *reply);

/* ---- handlers, by file ---------------------------------------------------- */

demur_handler demur_handle_checkpoint, demur_handle_tile, demur_handle_receipt; /* handle_log.c */
demur_handler demur_handle_blob_get, demur_handle_blob_put, demur_handle_release_get,
    demur_handle_release_put;      /* handle_blob.c */
demur_handler demur_handle_append; /* handle_append.c */
demur_handler demur_handle_channel, demur_handle_policy, demur_handle_calendars,
    demur_handle_roster, demur_handle_board, demur_handle_dissent;             /* handle_api.c */
demur_handler demur_handle_openapi, demur_handle_health, demur_handle_metrics; /* handle_ops.c */

/* Before the body of PUT /blob, and before n more bytes of it: may they come? Else
 * the reply is set. Neither waits for a lock of the fold or the disk. */
bool demur_blob_admit(struct demur_service *s, struct demur_request *r);
bool demur_blob_arrives(struct demur_request *r, uint64_t n);
/* Before some of it goes to the disk: is there room still? Many are under way at a
 * time, for each of which there was enough when it began. Else the reply is set. */
bool demur_blob_fits(struct demur_request *r);

/* 64 hex digits; false, and a problem in the reply, for anything else. */
bool demur_request_hash(struct demur_request *r, uint8_t out[static 32]);

#endif
