// The command line of `levit`: its commands and their flags. The only file of the program that knows CLI11,
// which takes longer to compile than everything else here.
#ifndef LEVIT_TOOLS_LEVIT_COMMAND_LINE_H_
#define LEVIT_TOOLS_LEVIT_COMMAND_LINE_H_

namespace levit::tools {

// Runs the command that the arguments of main() name. Returns the exit code; complains about wrong usage
// itself and throws what the command throws.
int run_command_line(int count, char** arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_COMMAND_LINE_H_
