/* Waits for ever and reaps its children: process 1 of a lab node, and of every Pod in it (image k8s.gcr.io/pause). */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal) {
  (void)signal;
  _exit(0);
}

static void reap(int signal) {
  (void)signal;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

int main(void) {
  struct sigaction on_leave = {.sa_handler = leave}, on_child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGTERM, &on_leave, 0);
  sigaction(SIGINT, &on_leave, 0);
  sigaction(SIGCHLD, &on_child, 0);
  /* children that ended before the handler stood (the node's start script hands over by exec) */
  reap(SIGCHLD);
  for (;;) pause();
}
