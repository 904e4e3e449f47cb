// The floors of a program without a runtime: echo PORT BATCH. Sends each datagram back with QR set and does nothing else.
// BATCH 1: recvfrom and sendto for each, as dnsmasq and unbound do; more: so many for each recvmmsg and sendmmsg.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SLOTS = 256, OCTETS = 1536, RECEIVE_BUFFER = 1 << 20 };

static unsigned char octets[SLOTS][OCTETS];
static struct sockaddr_in from[SLOTS];
static struct iovec ranges[SLOTS];
static struct mmsghdr messages[SLOTS];

static void one_by_one(int fd) {
  for (;;) {
    socklen_t length = sizeof from[0];
    ssize_t count = recvfrom(fd, octets[0], OCTETS, MSG_DONTWAIT, (struct sockaddr *)&from[0], &length);
    if (count < 0) return;
    octets[0][2] |= 0x80;
    sendto(fd, octets[0], (size_t)count, 0, (struct sockaddr *)&from[0], length);
  }
}

static void in_batches(int fd, unsigned most) {
  for (;;) {
    for (unsigned i = 0; i < most; i++) {
      ranges[i] = (struct iovec){octets[i], OCTETS};
      messages[i].msg_hdr =
          (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &ranges[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, messages, most, MSG_DONTWAIT, NULL);
    if (count <= 0) return;
    for (int i = 0; i < count; i++) {
      octets[i][2] |= 0x80;
      ranges[i].iov_len = messages[i].msg_len;
    }
    for (int sent = 0; sent < count;) {
      int taken = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
      sent += taken > 0 ? taken : 1;
    }
    if (count < (int)most) return;
  }
}

int main(int count, char **values) {
  if (count != 3) return 2;
  unsigned most = (unsigned)atoi(values[2]);
  if (most < 1 || most > SLOTS) return 2;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  int bytes = RECEIVE_BUFFER;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(values[1]))};
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
    perror("bind");
    return 1;
  }
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  for (;;) {
    poll(&waiting, 1, -1);
    if (most == 1) one_by_one(fd);
    else in_batches(fd, most);
  }
}
