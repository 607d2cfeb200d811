// The program that stands in for a member of a gang until it may start: docs/decisions/held-starts.md.
//
//   <anything> PROGRAM ARGUMENT-0 ARGUMENT-1 ...
//
// With a socket as descriptor 4 and itself as 5. Says one byte when it has come so far, waits for one byte, and becomes
// PROGRAM, with the environment that it has. If the other end of the socket is gone before, it ends: then nobody is
// there who could have said that the attempt was started. If PROGRAM cannot be executed, it says errno, as an int.
//
// No library, a page of code: dozens of them wait at a time, in a task's own environment, and what that holds
// (LD_PRELOAD) must not reach them. Not *.cpp, since those are all part of the library.

namespace {

#if defined(__x86_64__)
enum call : long { call_read = 0, call_write = 1, call_close = 3, call_execve = 59, call_exit = 60, call_fcntl = 72 };

long system_call(call number, long a, long b = 0, long c = 0) {
  long out = number;
  asm volatile("syscall" : "+a"(out) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return out;
}

asm(".globl _start\n"
    "_start:\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call hold\n");
#elif defined(__aarch64__)
enum call : long {
  call_fcntl = 25,
  call_close = 57,
  call_read = 63,
  call_write = 64,
  call_exit = 93,
  call_execve = 221
};

long system_call(call number, long a, long b = 0, long c = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

asm(".globl _start\n"
    "_start:\n"
    "  mov x0, sp\n"
    "  bl hold\n");
#endif

constexpr long line = 4;
constexpr long own_file = 5;
constexpr long set_flags = 2;     // F_SETFD
constexpr long close_on_exec = 1; // FD_CLOEXEC
constexpr long interrupted = -4;  // EINTR
constexpr long no_format = -8;    // ENOEXEC

long address(const void* x) {
  return reinterpret_cast<long>(x);
}

[[noreturn]] void end(long code) {
  for (;;)
    system_call(call_exit, code);
}

/// Waits to be let go. The byte that was said; 0: the other end is gone.
char let_go() {
  char said = 0;
  long count = 0;
  do
    count = system_call(call_read, line, address(&said), 1);
  while (count == interrupted);
  return count == 1 ? said : '\0';
}

} // namespace

/// `stack` as the kernel leaves it: the number of arguments, they, a null, the environment, a null.
extern "C" [[noreturn]] __attribute__((used)) void hold(long* stack) {
  const long count = stack[0];
  auto** const arguments = reinterpret_cast<const char**>(stack + 1);
  const long environment = address(arguments + count + 1);
  if (count < 3)
    end(2);
  system_call(call_fcntl, line, set_flags, close_on_exec);
  system_call(call_close, own_file);
  const char here = 'h';
  system_call(call_write, line, address(&here), 1);
  const char said = let_go();
  if (said == '\0')
    end(1);
  const char* const program = arguments[1];
  long failed = system_call(call_execve, address(program), address(arguments + 2), environment);
  if (failed == no_format && said == 's') {
    // As a shell and bubblewrap run a script that does not say by what.
    static const char shell[] = "/bin/sh";
    arguments[1] = shell;
    arguments[2] = program;
    failed = system_call(call_execve, address(shell), address(arguments + 1), environment);
  }
  const int number = static_cast<int>(-failed);
  system_call(call_write, line, address(&number), sizeof number);
  end(127);
}
