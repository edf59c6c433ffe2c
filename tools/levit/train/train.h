// levit finetune --train.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_TRAIN_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_TRAIN_H_

#include "tools/levit/train/options.h"

namespace levit::tools {

// Trains the network itself and returns the exit code. Throws what ends the program with kFailedExit.
int train_network(const TrainArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_TRAIN_H_
