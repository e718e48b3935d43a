/* Static reads: a full tile, an entry bundle and the checkpoint, from `demur serve` and
 * from nginx (Debian's nginx-light) that serves the same bytes as files, in turns, asked
 * by the same client over 64 connections. Without nginx nothing is printed but
 * that it is not there.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "world.h"

enum { CONNECTIONS = 64, ROUNDS = 5, ROUND = 6000, ENTRIES = 600 };

static const char *const paths[] = {"/tile/0/000", "/tile/entries/000", "/checkpoint"};
static const char *const names[] = {"read_tile", "read_bundle", "read_checkpoint"};

static void file_write(const char *folder, const char *name, struct span bytes)
{
    char path[400];
    snprintf(path, sizeof path, "%s%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    bench_need(f && fwrite(bytes.p, 1, bytes.len, f) == bytes.len && !fclose(f),
               "cannot write a file for nginx");
}

static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bench_need(!bind(fd, (struct sockaddr *)&at, len) &&
                   !getsockname(fd, (struct sockaddr *)&at, &len),
               "no port is free");
    close(fd);
    return ntohs(at.sin_port);
}

static bool answers_at(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool yes = !connect(fd, (struct sockaddr *)&at, sizeof at);
    close(fd);
    return yes;
}

/* One worker a processor, everything else that costs time off. */
static pid_t nginx_start(const char *folder, uint16_t port)
{
    char text[2048], option[400];
    int n =
        snprintf(text, sizeof text,
                 "daemon off;\nworker_processes auto;\npid %s/pid;\nerror_log %s/log;\n%s"
                 "events { worker_connections 512; }\n"
                 "http { access_log off; sendfile on; tcp_nopush on;\n"
                 "keepalive_requests 100000000; default_type application/octet-stream;\n"
                 "client_body_temp_path %s/t1; proxy_temp_path %s/t2; fastcgi_temp_path %s/t3;\n"
                 "uwsgi_temp_path %s/t4; scgi_temp_path %s/t5;\n"
                 "open_file_cache max=100; open_file_cache_valid 60s;\n"
                 "server { listen 127.0.0.1:%u; root %s/files; } }\n",
                 folder, folder, geteuid() ? "" : "user root;\n", folder, folder, folder, folder,
                 folder, port, folder);
    file_write(folder, "/nginx.conf", span_of((uint8_t *)text, (size_t)n));
    snprintf(option, sizeof option, "%s/nginx.conf", folder);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        execlp("nginx", "nginx", "-c", option, (char *)NULL);
        execl("/usr/sbin/nginx", "nginx", "-c", option, (char *)NULL);
        _exit(127);
    }
    for (int waited = 0; waited < 100 && !answers_at(port); waited++) {
        int how;
        if (waitpid(pid, &how, WNOHANG) == pid)
            return -1;
        nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return pid;
}

/* Requests a second; every answer is as long as it should be. */
static double rate_of(uint16_t port, const struct bench_request *request, size_t body_len)
{
    struct bench_load load = {.port = port,
                              .connections = CONNECTIONS,
                              .requests = request,
                              .requests_len = 1,
                              .total = ROUND};
    bench_need(bench_load_run(&load) && load.body_bytes == (uint64_t)ROUND * body_len,
               "the answers are not what was asked for");
    return ROUND / load.wall_s;
}

static void compare(struct bench_world *w, uint16_t port, size_t i)
{
    struct bench_answer body = bench_world_get(w, paths[i]);
    struct bench_request request = bench_request_make("GET", paths[i], BENCH_TOKEN, NULL, 0);
    char files[320];
    double ours = 0, theirs = 0;
    snprintf(files, sizeof files, "%s/files", w->parent);
    file_write(files, paths[i], span_of(body.body, body.len));
    rate_of(w->port, &request, body.len);
    rate_of(port, &request, body.len);
    for (int round = 0; round < ROUNDS; round++) {
        ours += 1 / rate_of(w->port, &request, body.len);
        theirs += 1 / rate_of(port, &request, body.len);
    }
    bench_report(names[i], ROUNDS / ours, "requests/s", ROUNDS / theirs);
    free(request.bytes);
    free(body.body);
}

int main(void)
{
    static struct bench_world w;
    bench_world_make(&w);
    bench_world_fill(&w, ENTRIES);
    uint16_t port = free_port();
    char files[320];
    snprintf(files, sizeof files, "%s/files", w.parent);
    mkdir(files, 0755);
    pid_t nginx = nginx_start(w.parent, port);
    if (nginx < 0) {
        printf("# read: nginx (Debian: nginx-light) is not installed here, so static reads are "
               "not measured\n");
    } else {
        bench_world_serve(&w);
        for (size_t i = 0; i < DEMUR_COUNT(paths); i++)
            compare(&w, port, i);
        kill(nginx, SIGTERM);
        waitpid(nginx, NULL, 0);
    }
    bench_world_remove(&w);
    return 0;
}
