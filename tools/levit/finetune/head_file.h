// A weight file with a head that was trained.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "levit.hpp"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// The bytes of the base's file with what `options` say; size is set here.
std::vector<uint8_t> exported_file(const levit_model* base, levit_export_options options);

// The same with a head and its labels.
std::vector<uint8_t> file_with_head(const levit_model* base, const TrainedHead& head,
                                    const std::vector<std::string>& labels, levit_export_options options);

// What a model is called whose part ("head" or "network") was taught classes, so that it is not taken for its
// base: "base (head of ai, real)". Of a base that was taught before, only the last is named.
std::string taught_name(std::string base, const std::string& part, const std::vector<std::string>& labels);

// The bytes of a file where a model may be opened in place.
Memory in_memory(const std::vector<uint8_t>& file);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_
