/* demur demo: founds a channel in a folder of its own and runs the life of one
 * dissent through the very commands that people use, each shown with its
 * outcome. At the end three lies are told, and refused. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/encode.h"
#include "../embedded/embedded.h"
#include "commands.h"
#include "demo_liar.h"

#define OFFICES 6
#define ARGS_MAX 40
#define OUTPUT_MAX 262144u
#define SERVER_WAIT_MS 60000
#define SHOWN_LINES 40u    /* of one command's output */
#define COMMAND_COLUMNS 78 /* room for " \\" at the end */
#define INDENT 4

static const char *const offices[OFFICES] = {
    "policy-planning",   "secretary",           "deputy-secretary",
    "under-secretary-p", "executive-secretary", "open-forum-chair",
};

struct demo {
    struct cli *cli;
    char dir[PATH_MAX], self[1024];
    char url[64], channel[65], token[128], dissent[33];
    char receipt[600];
    pid_t server;
    char *output; /* of the last command */
    bool quiet;
};

static void title(const char *fmt, ...) DEMUR_PRINTF(1, 2);
static void title(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("\n== ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
}

/* "DIR/name", valid until the eighth call after. */
static const char *under(const struct demo *d, const char *name)
{
    static char text[8][PATH_MAX + 1200];
    static unsigned turn;
    char *out = text[turn++ % 8];
    snprintf(out, sizeof text[0], "%s/%s", d->dir, name);
    return out;
}

/* What a command printed; of a long text, such as a memo, the beginning. */
static void show_output(const char *text)
{
    size_t lines = 0;
    bool start = true;
    for (; *text && lines < SHOWN_LINES; text++) {
        if (start)
            fputs("| ", stdout);
        fputc(*text, stdout);
        start = *text == '\n';
        lines += start;
    }
    if (!start)
        fputc('\n', stdout);
    for (lines = 0; *text; text++)
        lines += *text == '\n';
    if (lines)
        printf("| (and %zu lines more)\n", lines);
    fflush(stdout);
}

/* A word as a person would type it at a shell, in *out. */
static void put_quoted(struct buf *out, const char *word)
{
    if (!strpbrk(word, " '\"*$")) {
        buf_put_str(out, word);
        return;
    }
    buf_put_byte(out, '"');
    for (; *word; word++) {
        if (strchr("\"$`\\", *word))
            buf_put_byte(out, '\\');
        buf_put_byte(out, (uint8_t)*word);
    }
    buf_put_byte(out, '"');
}

/* One word of a command, on the next line when this one is full. */
static void show_word(size_t *column, const char *before, const char *word)
{
    uint8_t text[2048];
    struct buf b = buf_over(text, sizeof text);
    buf_put_str(&b, before);
    put_quoted(&b, word);
    if (*column + 1 + b.len > COMMAND_COLUMNS && *column > INDENT) {
        printf(" \\\n%*s", INDENT, "");
        *column = INDENT;
    } else {
        putchar(' ');
        ++*column;
    }
    fwrite(b.p, 1, b.len, stdout);
    *column += b.len;
}

/* Show a command as a person would type it. An option stays with its value. */
static void show_command(const struct demo *d, const char *home, const char *const *argv)
{
    size_t column = strlen("$ demur"), n = strlen(d->dir);
    printf("\n$ demur");
    for (size_t i = 0; argv[i]; i++) {
        char option[64] = "";
        if (strncmp(argv[i], "--", 2) == 0 && argv[i + 1] && strncmp(argv[i + 1], "--", 2) != 0 &&
            strcmp(argv[i], "--mine") != 0 && strcmp(argv[i], "--anonymous") != 0)
            snprintf(option, sizeof option, "%s ", argv[i++]);
        show_word(&column, option, strncmp(argv[i], d->dir, n) == 0 ? argv[i] + n + 1 : argv[i]);
    }
    if (home)
        show_word(&column, "--home ", home);
    printf("\n");
    fflush(stdout);
}

static void run_child(const struct demo *d, const char *home, const char *const *argv, int out)
{
    const char *full[ARGS_MAX + 5];
    size_t n = 0;
    full[n++] = "demur";
    for (size_t i = 0; argv[i] && n < ARGS_MAX; i++)
        full[n++] = argv[i];
    if (home) {
        full[n++] = "--home";
        full[n++] = under(d, home);
    }
    full[n] = NULL;
    dup2(out, 1);
    dup2(out, 2);
    setenv("DEMUR_PASSPHRASE", "a passphrase for the demonstration", 1);
    setenv("DEMUR_TEST_LOG2N", "12", 1);
    execv(d->self, (char *const *)full);
    _exit(127);
}

/* Run a command, keep what it prints in d->output, and return its exit code. */
static int run(struct demo *d, const char *home, const char *const *argv)
{
    int pipe_fd[2], status = 0;
    size_t len = 0;
    ssize_t n;
    if (!d->quiet)
        show_command(d, home, argv);
    if (pipe(pipe_fd) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fd[0]);
        run_child(d, home, argv, pipe_fd[1]);
    }
    close(pipe_fd[1]);
    while (pid > 0 && len < OUTPUT_MAX - 1 &&
           (n = read(pipe_fd[0], d->output + len, OUTPUT_MAX - 1 - len)) > 0)
        len += (size_t)n;
    d->output[len] = 0;
    close(pipe_fd[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    if (!d->quiet)
        show_output(d->output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(d, home, ...) run(d, home, (const char *const[]){__VA_ARGS__, NULL})

/* The value of "key":"…" in what the last command printed. */
static bool output_value(const struct demo *d, const char *key, char *out, size_t cap)
{
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *at = strstr(d->output, pattern);
    const char *end = at ? strchr(at + strlen(pattern), '"') : NULL;
    if (!end || (size_t)(end - at) - strlen(pattern) >= cap)
        return false;
    at += strlen(pattern);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = 0;
    return true;
}

static int broken(struct demo *d, const char *what)
{
    cli_note(d->cli, "demur demo: %s did not go as it should; what it printed:", what);
    fputs(d->output, stderr);
    return CLI_UNREACHABLE;
}

static int write_file(struct demo *d, const char *name, struct span bytes)
{
    enum demur_err err = demur_path_write(under(d, name), bytes, &d->cli->diag);
    return err ? cli_fail(d->cli, err) : CLI_OK;
}

static int unpack(struct demo *d)
{
    static const char *const names[] = {"demo/memo.md", "demo/annex.pdf", "demo/roster.csv"};
    for (size_t i = 0; i < DEMUR_COUNT(names); i++) {
        const struct demur_embedded *file = demur_embedded_find(names[i]);
        if (!file)
            return broken(d, "unpacking the demonstration's files");
        int code = write_file(d, names[i] + strlen("demo/"), span_of(file->bytes, file->len));
        if (code)
            return code;
    }
    return CLI_OK;
}

/* A port that is free now. */
static unsigned free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    unsigned port = 0;
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        port = ntohs(at.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

/* Wait until the server says where it listens, or has ended. */
static bool server_listens(struct demo *d, int log_fd)
{
    for (int i = 0; i < SERVER_WAIT_MS / 10; i++) {
        ssize_t n = pread(log_fd, d->output, 4096, 0);
        d->output[n > 0 ? n : 0] = 0;
        const char *said = strstr(d->output, "listening on");
        if (said && strchr(said, '\n'))
            return true;
        if (waitpid(d->server, NULL, WNOHANG) == d->server) {
            d->server = -1;
            return false;
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return false;
}

/* What the server says goes to a file: a pipe that nobody reads fills up, and
 * whoever writes to it then stands still. */
static int start_server(struct demo *d)
{
    const char *argv[] = {"serve", under(d, "server"), NULL};
    show_command(d, NULL, argv);
    int log_fd = open(under(d, "server.log"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (log_fd < 0)
        return broken(d, "starting the server");
    d->server = fork();
    if (d->server == 0)
        run_child(d, NULL, argv, log_fd);
    bool listens = d->server > 0 && server_listens(d, log_fd);
    close(log_fd);
    show_output(d->output);
    return listens ? CLI_OK : broken(d, "demur serve");
}

static int found(struct demo *d)
{
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", free_port());
    snprintf(d->url, sizeof d->url, "http://%s", listen);
    title("The channel is founded, under the State Department's policy");
    if (RUN(d, NULL, "init", under(d, "server"), "--origin", "dissent.example.org/demo", "--listen",
            listen, "--policy", "us-state-2-fam-070", "--keys", under(d, "keys")) != 0)
        return broken(d, "demur init");
    struct demur_bytes profile = {0};
    if (demur_path_read(under(d, "keys/root/profile"), 8192, &profile, &d->cli->diag) != DEMUR_OK ||
        sscanf((const char *)profile.p, "demur profile v1\nchannel %64s\nurl %*s\ntoken %127s",
               d->channel, d->token) != 2)
        return broken(d, "reading the root's profile");
    demur_bytes_free(&profile);
    return start_server(d);
}

static int appoint(struct demo *d)
{
    title("Six offices that the policy names get their officers");
    for (int i = 0; i < OFFICES; i++) {
        char card[256], home[64];
        snprintf(home, sizeof home, "people/%s", offices[i]);
        d->quiet = i > 0;
        if (RUN(d, home, "identity", "new", "--channel", d->channel, "--url", d->url, "--token",
                d->token) != 0)
            return broken(d, "demur identity new");
        const char *at = strstr(d->output, "demur-officer1:");
        if (!at || sscanf(at, "%255s", card) != 1)
            return broken(d, "demur identity new");
        if (RUN(d, "keys/root", "grant", offices[i], card) != 0)
            return broken(d, "demur grant");
    }
    d->quiet = false;
    printf("\n   (and so for the other five)\n");
    return CLI_OK;
}

/* The n-th invitation of the file that `demur invite` wrote. */
static bool invitation_of(const char *csv, int n, char out[static 1200])
{
    const char *at = csv;
    for (int i = 0; at && i <= n; i++) {
        at = strstr(at, "demur-invite1");
        if (at && i < n)
            at++;
    }
    return at && sscanf(at, "%1199[a-z0-9-]", out) == 1;
}

static int enrol(struct demo *d)
{
    struct demur_bytes csv = {0};
    int joined = 0, code = CLI_OK;
    title("Sixty invented people are invited, and join");
    if (RUN(d, "keys/roster", "invite", under(d, "roster.csv"), "--out",
            under(d, "invitations.csv")) != 0)
        return broken(d, "demur invite");
    if (demur_path_read(under(d, "invitations.csv"), 1u << 20, &csv, &d->cli->diag) != DEMUR_OK)
        return broken(d, "reading the invitations");
    d->quiet = true;
    char invitation[1200], home[64];
    for (int i = 0; i < 60 && code == CLI_OK && invitation_of((const char *)csv.p, i, invitation);
         i++) {
        snprintf(home, sizeof home, "people/member-%02d", i + 1);
        if (RUN(d, home, "join", invitation) != 0)
            code = broken(d, "demur join");
        else
            joined++;
        (void)cli_overprint("   %d of 60 have joined", joined);
    }
    d->quiet = false;
    demur_bytes_free(&csv);
    if (!cli_overprint("%s", ""))
        putchar('\n');
    printf("   %d members have joined, each with `demur join` on a machine of their own\n", joined);
    return code == CLI_OK && joined < 60 ? broken(d, "enrolment") : code;
}

static int file_memo(struct demo *d)
{
    title("Member 23 files a memo of 1,800 words with an annex, without a name");
    if (RUN(d, "people/member-23", "file", under(d, "memo.md"), "--anonymous", "--marking", "U",
            "--attach", under(d, "annex.pdf"), "--phrase-out", under(d, "receipt-phrase")) != 0)
        return broken(d, "demur file");
    const char *at = strstr(d->output, "receipt /");
    if (!at || sscanf(at, "receipt %599s", d->receipt) != 1)
        return broken(d, "demur file");
    d->quiet = true;
    int code = RUN(d, "people/member-23", "status", "--json");
    d->quiet = false;
    if (code != 0 || !output_value(d, "dissent", d->dissent, sizeof d->dissent))
        return broken(d, "demur status");
    title("The receipt is checked by somebody who has nothing but it and the fingerprint");
    if (RUN(d, "people/a-stranger", "receipt", "verify", d->receipt, "--channel", d->channel) != 0)
        return broken(d, "demur receipt verify");
    return CLI_OK;
}

static int answer(struct demo *d)
{
    static const char sp[] = "people/policy-planning", author[] = "people/member-23";
    const char *id = d->dissent;
    title("The office opens the memo (the log shows that it did), acknowledges, and asks");
    if (RUN(d, sp, "inbox") != 0 || RUN(d, sp, "read", id, "--out", under(d, "opened")) != 0 ||
        RUN(d, sp, "step", id, "acknowledge") != 0 ||
        RUN(d, sp, "step", id, "ask", "--title", "A question", "--text",
            "Which page of the report has the table of borings, and who holds the original?") != 0)
        return broken(d, "the office's part");
    title("The author, from any machine, with the phrase alone, reads and answers");
    if (RUN(d, author, "inbox", "--mine", "--phrase-file", under(d, "receipt-phrase")) != 0 ||
        RUN(d, author, "say", "--mine", "--phrase-file", under(d, "receipt-phrase"), "--text",
            "Second volume, page 211. The embassy's commercial section holds the original.") != 0)
        return broken(d, "the author's answer");
    static const char reply[] =
        "The guarantee will wait for the survey that you ask for. The memorandum's two verbs "
        "are corrected today. Thank you for the question.";
    title("The office replies, and the clocks stop");
    if (RUN(d, sp, "step", id, "reply", "--title", "Reply", "--text", reply) != 0 ||
        RUN(d, sp, "status", id) != 0)
        return broken(d, "the reply");
    title("An auditor who trusts nobody verifies all of it, from the fingerprint");
    if (RUN(d, "people/auditor", "audit", "--channel", d->channel, "--url", d->url, "--token",
            d->token, "--receipt", d->receipt) != 0)
        return broken(d, "demur audit");
    return CLI_OK;
}

/* ---- the lies --------------------------------------------------------------------- */

static int read_log_key(struct demo *d, uint8_t secret[static 64])
{
    struct demur_bytes text = {0};
    uint8_t seed[32], public_key[32];
    char base64[64] = "";
    const char *at = NULL;
    if (demur_path_read(under(d, "server/log.key"), 4096, &text, &d->cli->diag) == DEMUR_OK)
        at = strstr((const char *)text.p, "\nseed ");
    bool ok = at && sscanf(at, "\nseed %63s", base64) == 1 &&
              demur_base64_exact(seed, 32, span_str(base64)) == DEMUR_OK &&
              crypto_sign_seed_keypair(public_key, secret, seed) == 0;
    demur_bytes_free(&text);
    sodium_memzero(seed, sizeof seed);
    return ok ? CLI_OK : broken(d, "borrowing the operator's log key");
}

/* The log's acknowledgement once more, under another sequence number and so under
 * a signature that no longer fits: a forgery in the officer's name. */
static enum demur_err forge_acknowledgement(struct demo *d, struct demo_log *log, uint64_t at)
{
    static const char marks[] = "\nact acknowledge\n";
    uint8_t text[DEMUR_ENTRY_MAX];
    struct buf b = buf_over(text, sizeof text);
    for (size_t i = log->len; i-- > 0;) {
        const char *entry = (const char *)log->entries[i].p;
        if (!strstr(entry, marks))
            continue;
        demur_entry_write(&b, at, span_str(strchr(entry, '\n') + 1));
        uint8_t *seq = memmem(text, b.len, "\nseq ", 5);
        if (seq)
            seq[5] = '9'; /* above the one used, so that it is no replay */
        return demo_log_add(log, buf_span(&b), &d->cli->diag);
    }
    return demur_fail(&d->cli->diag, DEMUR_ERR_UNKNOWN, "the log has no acknowledgement");
}

enum lie { LIE_TAMPERED, LIE_FORGED, LIE_BACK_DATED };

static enum demur_err tell(struct demo *d, struct demo_log *log, enum lie lie, struct span origin,
                           uint64_t last_at)
{
    uint8_t secret[64], text[DEMUR_ENTRY_MAX];
    struct demur_bytes *victim = &log->entries[log->len - 1];
    if (lie == LIE_TAMPERED) {
        victim->p[victim->len / 2] ^= 1; /* under the true checkpoint */
        return DEMUR_OK;
    }
    if (read_log_key(d, secret) != CLI_OK)
        return demur_fail(&d->cli->diag, DEMUR_ERR_KEY, "the log key could not be read");
    enum demur_err err = DEMUR_OK;
    if (lie == LIE_FORGED) {
        err = forge_acknowledgement(d, log, last_at);
    } else {
        struct buf b = buf_over(text, sizeof text);
        const char *entry = (const char *)victim->p;
        demur_entry_write(&b, last_at - 7 * 86400, span_str(strchr(entry, '\n') + 1));
        err = demo_log_add(log, buf_span(&b), &d->cli->diag);
    }
    if (!err)
        err = demo_log_sign(log, origin, secret, &d->cli->diag);
    sodium_memzero(secret, sizeof secret);
    return err;
}

static int lie_and_audit(struct demo *d, struct demur_client *client, enum lie lie,
                         const char *what)
{
    struct demo_log log = {0};
    char url[64], home[64];
    pid_t pid = -1;
    const struct demur_channel *c = demur_client_channel(client);
    title("%s", what);
    enum demur_err err = demo_log_copy(&log, client, &d->cli->diag);
    if (!err)
        err = tell(d, &log, lie, demur_channel_origin(c), demur_channel_last_at(c));
    if (!err)
        err = demo_liar_start(&log, d->url, url, &pid, &d->cli->diag);
    demo_log_free(&log);
    if (err)
        return cli_fail(d->cli, err);
    snprintf(home, sizeof home, "people/auditor-%d", (int)lie);
    int code = RUN(d, home, "audit", "--channel", d->channel, "--url", url, "--token", d->token);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    if (code != CLI_UNVERIFIED)
        return broken(d, what);
    printf("   refused, with exit code %d, as it should be\n", code);
    return CLI_OK;
}

static int lies(struct demo *d)
{
    struct demur_client *client = NULL;
    struct demur_client_options options = {.url = d->url, .token = d->token};
    options.data = under(d, "copy-for-the-lies");
    enum demur_err err =
        demur_fingerprint_parse(options.channel, span_str(d->channel), &d->cli->diag);
    if (!err)
        err = demur_client_open(&client, &options, &d->cli->diag);
    if (!err)
        err = demur_client_sync(client, &d->cli->diag);
    if (err) {
        demur_client_close(client);
        return cli_fail(d->cli, err);
    }
    int code =
        lie_and_audit(d, client, LIE_TAMPERED, "A lie: one bit of the last entry is changed");
    if (code == CLI_OK)
        code = lie_and_audit(d, client, LIE_FORGED,
                             "A lie: the operator forges an acknowledgement in the officer's name");
    if (code == CLI_OK)
        code = lie_and_audit(d, client, LIE_BACK_DATED,
                             "A lie: the operator puts in an entry with last week's date");
    demur_client_close(client);
    return code;
}

static int play(struct demo *d)
{
    int (*const acts[])(struct demo *) = {unpack, found, appoint, enrol, file_memo, answer, lies};
    int code = CLI_OK;
    for (size_t i = 0; i < DEMUR_COUNT(acts) && code == CLI_OK; i++)
        code = acts[i](d);
    return code;
}

static int leave_running(struct demo *d)
{
    title("All of it is in %s", d->dir);
    if (!isatty(0) || cli_flag(d->cli, "no-wait"))
        return CLI_OK;
    printf("The server runs on %s until you press Return. In another terminal, try\n\n"
           "  demur status --home %s/people/auditor --channel %s \\\n"
           "               --url %s --token %s\n",
           d->url, d->dir, d->channel, d->url, d->token);
    fflush(stdout);
    (void)getchar();
    return CLI_OK;
}

static int run_demo(struct cli *cli)
{
    struct demo d = {.cli = cli, .server = -1};
    const char *given = cli->args_len ? cli->args[0] : NULL;
    char made[] = "/tmp/demur-demo-XXXXXX";
    if (cli->args_len > 1)
        return cli_usage(cli, "name at most one folder");
    if (given && mkdir(given, 0700) != 0)
        return cli_usage(cli, "%s cannot be made: %s", given, strerror(errno));
    if (!given && !mkdtemp(made))
        return cli_usage(cli, "no folder could be made under /tmp: %s", strerror(errno));
    if (!realpath(given ? given : made, d.dir) ||
        readlink("/proc/self/exe", d.self, sizeof d.self - 1) < 0)
        return cli_usage(cli, "the program cannot find itself: %s", strerror(errno));
    d.output = calloc(1, OUTPUT_MAX);
    if (!d.output)
        return CLI_UNREACHABLE;
    signal(SIGPIPE, SIG_IGN);
    int code = play(&d);
    if (code == CLI_OK)
        code = leave_running(&d);
    if (d.server > 0) {
        kill(d.server, SIGTERM);
        waitpid(d.server, NULL, 0);
    }
    free(d.output);
    return code;
}

static const struct cli_option options[] = {
    {"no-wait", NULL, "stop the server at the end, also at a terminal"},
    {NULL, NULL, NULL},
};

const struct cli_command command_demo = {
    .name = "demo",
    .usage = "[DIR]",
    .summary = "Show the main job, from filing to audit, and three lies.",
    .details =
        "Makes a channel in DIR (or a fresh folder under /tmp) under the State Department's\n"
        "policy, with sixty invented people, and runs each command before your eyes.\n"
        "Identity files are sealed with little work here, so that it goes fast.\n\n"
        "Example:\n\n    demur demo",
    .options = options,
    .run = run_demo,
};
