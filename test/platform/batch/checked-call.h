// In the place of system-call.h: every range that the kernel would be given is looked at first.
#ifndef CHECKED_CALL_H
#define CHECKED_CALL_H

#define RECVMMSG 1
#define SENDMMSG 2

long system_call(long number, long fd, long messages, long count, long flags, long timeout);

#endif
