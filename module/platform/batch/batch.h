// What has arrived on a socket in one recvmmsg(2), and answers to it in one sendmmsg(2).
#ifndef SECURENET_BATCH_H
#define SECURENET_BATCH_H

#include <stddef.h>
#include <stdint.h>

enum {
  SLOTS = 64,
  // The longest question that can be read is 12 + 255 + 4 octets and an OPT; what is longer is cut.
  RECEIVE_OCTETS = 1536,
  // An answer has 1232 octets at most (RFC 9715 §3).
  SEND_OCTETS = 1280,
  // sockaddr_in6; sockaddr_in has 16.
  ADDRESS_OCTETS = 28,
};

// The caller's memory, shared with it: it holds no pointer, and whatever it holds is checked before the kernel sees it.
struct batch {
  int32_t received_octets[SLOTS];
  int32_t send_octets[SLOTS];
  // Socket addresses, as the kernel writes them. Family 0 in `to`: the peer of a connected socket.
  uint8_t from[SLOTS][ADDRESS_OCTETS];
  uint8_t to[SLOTS][ADDRESS_OCTETS];
  uint8_t received[SLOTS][RECEIVE_OCTETS];
  uint8_t sent[SLOTS][SEND_OCTETS];
};

// Returns the number of datagrams that are now in the first slots, or a negative errno: -EAGAIN where none has arrived.
int batch_receive(struct batch *batch, int fd);

// Sends the slots from `first` to `end`, without it, to the addresses beside them.
// Returns how many the kernel has taken, one at least, or a negative errno: then the datagram in slot `first` was not sent.
int batch_send(const struct batch *batch, int fd, int first, int end);

#endif
