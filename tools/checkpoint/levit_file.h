// A .levit file as a source: pack_weights writes it again in another type.
#ifndef LEVIT_TOOLS_CHECKPOINT_LEVIT_FILE_H_
#define LEVIT_TOOLS_CHECKPOINT_LEVIT_FILE_H_

#include <string_view>

#include "tools/checkpoint/folded.h"

namespace levit::tools {

// Whether these bytes begin as a .levit file does.
bool is_levit_file(std::string_view bytes);

// Everything in it: weights as they are stored, labels, texts, preprocessing. `bytes` lie at a multiple
// of 64. Throws std::runtime_error with the cause when the file is not sound.
FoldedModel read_levit_file(std::string_view bytes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_LEVIT_FILE_H_
