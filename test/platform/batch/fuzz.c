// Drives batch.c with datagrams, lengths, addresses and indices of any kind: fuzz ROUNDS SEED. Built with AddressSanitizer
// and UndefinedBehaviorSanitizer. The first thing that is wrong ends it, with the line and the round.
#define _GNU_SOURCE
#include "batch.h"

#include "checked-call.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHECK(holds)                                                                      \
  do {                                                                                    \
    if (!(holds)) {                                                                       \
      fprintf(stderr, "%s:%d: %s does not hold, round %ld\n", __FILE__, __LINE__, #holds, round_number); \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

static long round_number;
static uint64_t state;
static struct batch *memory;
// The kernel is not called: an address of any kind must not leave this machine.
static int pretending;
static int seen_count;
static int first_slot;

static uint32_t any(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16);
}

static int below(int most) { return (int)(any() % (uint32_t)most); }

static int32_t any_number(void) {
  static const int32_t edges[] = {INT_MIN, INT_MIN + 1, -1,           0,           1,           11,       12,
                                  512,     1232,        SEND_OCTETS,  SEND_OCTETS + 1, RECEIVE_OCTETS, 65535, INT_MAX};
  return below(3) == 0 ? (int32_t)any() : edges[below(sizeof edges / sizeof edges[0])];
}

// Every range lies in the memory, and in the slot that it is said to be in.
static void check_ranges(long number, const struct mmsghdr *messages, int first) {
  for (int i = 0; i < seen_count; i++) {
    const struct msghdr *header = &messages[i].msg_hdr;
    const struct iovec *range = header->msg_iov;
    int slot = first + i;
    CHECK(slot >= 0 && slot < SLOTS);
    CHECK(header->msg_iovlen == 1 && header->msg_control == NULL && header->msg_controllen == 0);
    CHECK(range->iov_base == (number == RECVMMSG ? (void *)memory->received[slot] : (void *)memory->sent[slot]));
    CHECK(range->iov_len <= (number == RECVMMSG ? RECEIVE_OCTETS : SEND_OCTETS));
    CHECK(!__asan_region_is_poisoned(range->iov_base, range->iov_len));
    if (header->msg_namelen == 0) {
      CHECK(header->msg_name == NULL);
      continue;
    }
    CHECK(header->msg_name == (number == RECVMMSG ? (void *)memory->from[slot] : (void *)memory->to[slot]));
    CHECK(header->msg_namelen <= ADDRESS_OCTETS);
    CHECK(!__asan_region_is_poisoned(header->msg_name, header->msg_namelen));
  }
}

long system_call(long number, long fd, long messages, long count, long flags, long timeout) {
  CHECK(count >= 1 && count <= SLOTS);
  CHECK(flags & MSG_DONTWAIT);
  CHECK(timeout == 0);
  seen_count = (int)count;
  check_ranges(number, (struct mmsghdr *)messages, number == RECVMMSG ? 0 : first_slot);
  if (pretending) return below(3) == 0 ? -below(134) - 1 : 1 + below((int)count);
  long result = number == RECVMMSG ? syscall(SYS_recvmmsg, fd, messages, count, flags, NULL)
                                   : syscall(SYS_sendmmsg, fd, messages, count, flags);
  return result < 0 ? -errno : result;
}

static void fill(uint8_t *octets, size_t count) {
  for (size_t i = 0; i < count; i++) octets[i] = (uint8_t)any();
}

static int is_sendable(int slot) {
  int family = memory->to[slot][0] | memory->to[slot][1] << 8;
  int octets = memory->send_octets[slot];
  return octets >= 0 && octets <= SEND_OCTETS && (family == AF_UNSPEC || family == AF_INET || family == AF_INET6);
}

// Memory of any content, slots of any number: the kernel sees what is sendable, or nothing.
static void mutated_send(void) {
  pretending = 1;
  for (int slot = 0; slot < SLOTS; slot++) {
    memory->send_octets[slot] = below(4) == 0 ? any_number() : below(SEND_OCTETS + 1);
    fill(memory->to[slot], ADDRESS_OCTETS);
    if (below(8) != 0) {
      static const uint8_t families[] = {AF_UNSPEC, AF_INET, AF_INET6};
      memory->to[slot][0] = families[below(3)];
      memory->to[slot][1] = 0;
    }
  }
  int first = below(4) == 0 ? any_number() : below(SLOTS + 4) - 2;
  int end = below(4) == 0 ? any_number() : below(SLOTS + 4) - 2;
  first_slot = first;
  seen_count = 0;
  int result = batch_send(memory, -1, first, end);
  if (first < 0 || end > SLOTS || first >= end || !is_sendable(first)) {
    CHECK(result == -EINVAL && seen_count == 0);
    return;
  }
  int sendable = 0;
  while (first + sendable < end && is_sendable(first + sendable)) sendable++;
  CHECK(seen_count == sendable);
}

struct pair {
  int ours;
  int theirs;
  struct sockaddr_in6 our_address, their_address;
  socklen_t octets;
};

static int bound(int family, struct sockaddr_in6 *address, socklen_t *octets) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int room = 1 << 22;
  CHECK(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  CHECK(family == AF_INET ? bind(fd, (void *)&v4, sizeof v4) == 0 : bind(fd, (void *)&v6, sizeof v6) == 0);
  *octets = sizeof *address;
  CHECK(getsockname(fd, (void *)address, octets) == 0);
  return fd;
}

static struct pair open_pair(int family) {
  struct pair pair;
  pair.ours = bound(family, &pair.our_address, &pair.octets);
  pair.theirs = bound(family, &pair.their_address, &pair.octets);
  return pair;
}

// Datagrams of every length arrive as they were sent, cut at the slot; slots that got none stay as they were.
static void received_as_sent(const struct pair *pair) {
  static uint8_t sent[SLOTS + 8][4096];
  int lengths[SLOTS + 8];
  int count = below(SLOTS + 8);
  pretending = 0;
  for (int i = 0; i < count; i++) {
    lengths[i] = below(3) == 0 ? below(4097) : below(600);
    fill(sent[i], (size_t)lengths[i]);
    CHECK(sendto(pair->theirs, sent[i], (size_t)lengths[i], 0, (void *)&pair->our_address, pair->octets) == lengths[i]);
  }
  memset(memory->received, 0xa5, sizeof memory->received);
  for (int got = 0; got < count;) {
    int now = batch_receive(memory, pair->ours);
    CHECK(now == (count - got < SLOTS ? count - got : SLOTS));
    for (int slot = 0; slot < now; slot++, got++) {
      int kept = lengths[got] < RECEIVE_OCTETS ? lengths[got] : RECEIVE_OCTETS;
      CHECK(memory->received_octets[slot] == kept);
      CHECK(memcmp(memory->received[slot], sent[got], (size_t)kept) == 0);
      CHECK(memcmp(memory->from[slot], &pair->their_address, pair->octets) == 0);
    }
    if (got == now)
      for (int slot = now; slot < SLOTS; slot++) CHECK(memory->received[slot][0] == 0xa5);
  }
  CHECK(batch_receive(memory, pair->ours) == -EAGAIN);
}

// What is sent arrives octet by octet; one that cannot be sent stops the batch before it.
static void sent_as_written(const struct pair *pair) {
  int first = below(SLOTS);
  int end = first + 1 + below(SLOTS - first);
  int bad = below(3) == 0 ? first + below(end - first) : end;
  uint8_t got[SEND_OCTETS + 1];
  pretending = 0;
  for (int slot = first; slot < end; slot++) {
    memory->send_octets[slot] = slot == bad ? SEND_OCTETS + 1 : below(SEND_OCTETS + 1);
    fill(memory->sent[slot], SEND_OCTETS);
    memset(memory->to[slot], 0, ADDRESS_OCTETS);
    memcpy(memory->to[slot], &pair->their_address, pair->octets);
  }
  first_slot = first;
  int taken = batch_send(memory, pair->ours, first, end);
  CHECK(bad == first ? taken == -EINVAL : taken == bad - first);
  for (int slot = first; slot < bad; slot++) {
    long octets = recv(pair->theirs, got, sizeof got, MSG_DONTWAIT);
    CHECK(octets == memory->send_octets[slot]);
    CHECK(memcmp(got, memory->sent[slot], (size_t)octets) == 0);
  }
  CHECK(recv(pair->theirs, got, sizeof got, MSG_DONTWAIT) == -1);
}

int main(int count, char **values) {
  long rounds = count > 1 ? atol(values[1]) : 1000;
  state = (count > 2 ? strtoull(values[2], NULL, 10) : 1) * 2654435761u + 88172645463325252u;
  memory = malloc(sizeof *memory);
  memset(memory, 0, sizeof *memory);
  struct pair pairs[] = {open_pair(AF_INET), open_pair(AF_INET6)};
  CHECK(batch_receive(memory, -1) == -EBADF);
  for (round_number = 0; round_number < rounds; round_number++) {
    mutated_send();
    if (round_number % 16 == 0) received_as_sent(&pairs[below(2)]);
    if (round_number % 16 == 8) sent_as_written(&pairs[below(2)]);
  }
  free(memory);
  printf("%ld rounds\n", rounds);
  return 0;
}
