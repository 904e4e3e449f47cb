// One system call by its number, without a C library (arch/*/entry of Linux; syscall(2), "Architecture calling conventions").
#ifndef SECURENET_SYSTEM_CALL_H
#define SECURENET_SYSTEM_CALL_H

#if defined(__x86_64__)

#define RECVMMSG 299
#define SENDMMSG 307

static inline long system_call(long number, long a, long b, long c, long d, long e) {
  long result;
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}

#elif defined(__aarch64__)

#define RECVMMSG 243
#define SENDMMSG 269

static inline long system_call(long number, long a, long b, long c, long d, long e) {
  register long which __asm__("x8") = number;
  register long first __asm__("x0") = a;
  register long second __asm__("x1") = b;
  register long third __asm__("x2") = c;
  register long fourth __asm__("x3") = d;
  register long fifth __asm__("x4") = e;
  __asm__ volatile("svc 0"
                   : "+r"(first)
                   : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                   : "memory");
  return first;
}

#elif defined(__arm__) && defined(__ARM_EABI__)

#define RECVMMSG 365
#define SENDMMSG 374

// r7 is Thumb's frame pointer: built with -fomit-frame-pointer.
static inline long system_call(long number, long a, long b, long c, long d, long e) {
  register long which __asm__("r7") = number;
  register long first __asm__("r0") = a;
  register long second __asm__("r1") = b;
  register long third __asm__("r2") = c;
  register long fourth __asm__("r3") = d;
  register long fifth __asm__("r4") = e;
  __asm__ volatile("svc 0"
                   : "+r"(first)
                   : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                   : "memory");
  return first;
}

#else
#error "no system call convention for this CPU"
#endif

#endif
