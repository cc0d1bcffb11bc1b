/* The floor: a bare epoll loop with one send() for each client, in C. What it costs is the kernel's price.
 *
 * It says just enough for the crowd: any handshake is answered with the one key's answer, "40" joins the page,
 * a close frame or the end of the connection leaves it, and each join and leave is told to all at once.
 *
 * Usage: epoll_floor PORT [quiet]; quiet: nobody is told before SIGUSR2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CLIENTS 200000
#define MAX_EVENTS 1024

enum phase { FREE, CONNECTED, OPEN, JOINED };

static char phases[MAX_CLIENTS];
static int audience[MAX_CLIENTS]; /* the descriptors of those on the page */
static int place[MAX_CLIENTS];    /* where each stands in it */
static int count;
static volatile sig_atomic_t quiet;

static const char ACCEPT[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: gMOHCb+qOgNIcbw3yEGxEIGBJ8o=\r\n\r\n"
    "\x81\x56"
    "0{\"sid\":\"floor\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
    "\"maxPayload\":1}";
static const char JOIN[] = "\x81\x10" "40{\"sid\":\"page\"}";

static void start_telling(int number) {
    (void)number;
    quiet = 0;
}

static void tell(const char *event) {
    char text[64], frame[66];
    if (quiet) return;
    int length = snprintf(text, sizeof text, "42[\"%s\",%d]", event, count);
    frame[0] = (char)0x81;
    frame[1] = (char)length;
    memcpy(frame + 2, text, (size_t)length);
    for (int i = 0; i < count; i++) send(audience[i], frame, (size_t)length + 2, MSG_NOSIGNAL);
}

static void join(int fd) {
    send(fd, JOIN, sizeof JOIN - 1, MSG_NOSIGNAL);
    phases[fd] = JOINED;
    place[fd] = count;
    audience[count++] = fd;
    tell("user connected");
}

static void leave(int fd) {
    char was = phases[fd];
    if (was == FREE) return;
    phases[fd] = FREE;
    close(fd);
    if (was != JOINED) return;
    int last = audience[--count];
    audience[place[fd]] = last;
    place[last] = place[fd];
    tell("user disconnected");
}

/* A client's frames are short and come whole: loopback, one write each. */
static void receive(int fd) {
    unsigned char data[4096];
    ssize_t got = recv(fd, data, sizeof data, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        leave(fd);
        return;
    }
    if (phases[fd] == CONNECTED) {
        send(fd, ACCEPT, sizeof ACCEPT - 1, MSG_NOSIGNAL);
        phases[fd] = OPEN;
        return;
    }
    for (ssize_t at = 0; at + 6 <= got; at += 6 + (data[at + 1] & 0x7f)) {
        unsigned char *payload = data + at + 6, *mask = data + at + 2;
        if ((data[at] & 0x0f) == 8) {
            leave(fd);
            return;
        }
        int is_connect = (data[at + 1] & 0x7f) == 2 && (payload[0] ^ mask[0]) == '4' && (payload[1] ^ mask[1]) == '0';
        if (is_connect && phases[fd] == OPEN) join(fd);
    }
}

static void take_connections(int listener, int epoll) {
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        int on = 1;
        if (fd < 0) return;
        if (fd >= MAX_CLIENTS) {
            close(fd);
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
        phases[fd] = CONNECTED;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    quiet = argc > 2 && !strcmp(argv[2], "quiet");
    signal(SIGUSR2, start_telling);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("epoll_floor");
        return 1;
    }
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = listener}}, events[MAX_EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(epoll, events, MAX_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                take_connections(listener, epoll);
            else if (phases[events[i].data.fd] != FREE)
                receive(events[i].data.fd);
        }
    }
}
