// The program `levit`: what its commands do alike.
#include <exception>

#include "tools/common/heap.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/command.h"
#include "tools/levit/command_line.h"

using namespace levit::tools;

int main(int count, char** arguments) {
  reserve_heap();
  catch_signals();
  try {
    return run_command_line(count, arguments);
  } catch (const std::exception& error) {
    complain(error.what());
    return kFailedExit;
  }
}
