#include "batch.h"

#ifdef SYSTEM_CALL_HEADER
#include SYSTEM_CALL_HEADER
#else
#include "system-call.h"
#endif

enum {
  EINVAL_NUMBER = 22,
  DO_NOT_WAIT = 0x40,
  NO_SIGNAL = 0x4000,
  FAMILY_NONE = 0,
  FAMILY_IPV4 = 2,
  FAMILY_IPV6 = 10,
  IPV4_ADDRESS_OCTETS = 16,
};

// Linux's own structures (include/linux/socket.h, include/uapi/linux/uio.h): the kernel's, not a C library's.
struct range {
  void *start;
  size_t octets;
};

struct header {
  void *address;
  int address_octets;
  struct range *ranges;
  size_t range_count;
  void *control;
  size_t control_octets;
  unsigned int flags;
};

struct message {
  struct header header;
  unsigned int octets;
};

static void describe(struct message *message, struct range *range, void *address, int address_octets) {
  struct header *header = &message->header;
  header->address = address_octets == 0 ? 0 : address;
  header->address_octets = address_octets;
  header->ranges = range;
  header->range_count = 1;
  header->control = 0;
  header->control_octets = 0;
  header->flags = 0;
  message->octets = 0;
}

int batch_receive(struct batch *batch, int fd) {
  struct message messages[SLOTS];
  struct range ranges[SLOTS];
  for (int i = 0; i < SLOTS; i++) {
    ranges[i].start = batch->received[i];
    ranges[i].octets = RECEIVE_OCTETS;
    describe(&messages[i], &ranges[i], batch->from[i], ADDRESS_OCTETS);
  }
  int count = (int)system_call(RECVMMSG, fd, (long)messages, SLOTS, DO_NOT_WAIT, 0);
  for (int i = 0; i < count; i++) batch->received_octets[i] = (int32_t)messages[i].octets;
  return count;
}

// Octets of a socket address, or -1 where it is of no family that a datagram is sent to.
static int octets_of(const uint8_t *address) {
  // Little endian on every CPU that this is built for.
  switch (address[0] | address[1] << 8) {
    case FAMILY_NONE:
      return 0;
    case FAMILY_IPV4:
      return IPV4_ADDRESS_OCTETS;
    case FAMILY_IPV6:
      return ADDRESS_OCTETS;
    default:
      return -1;
  }
}

int batch_send(const struct batch *batch, int fd, int first, int end) {
  struct message messages[SLOTS];
  struct range ranges[SLOTS];
  if (first < 0 || end > SLOTS || first >= end) return -EINVAL_NUMBER;
  int count = 0;
  for (int slot = first; slot < end; slot++) {
    int octets = batch->send_octets[slot];
    int address_octets = octets_of(batch->to[slot]);
    // What cannot be sent ends the batch before it, and fails by itself when it is the first.
    if (octets < 0 || octets > SEND_OCTETS || address_octets < 0) break;
    ranges[count].start = (void *)batch->sent[slot];
    ranges[count].octets = (size_t)octets;
    describe(&messages[count], &ranges[count], (void *)batch->to[slot], address_octets);
    count++;
  }
  if (count == 0) return -EINVAL_NUMBER;
  return (int)system_call(SENDMMSG, fd, (long)messages, count, DO_NOT_WAIT | NO_SIGNAL, 0);
}
