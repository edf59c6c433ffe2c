// A weight file with a head that was trained.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// The bytes of the base's file with what `options` say; size is set here.
std::vector<uint8_t> exported_file(const ModelFile& base, levit_export_options options);

// The same with a head and its labels.
std::vector<uint8_t> file_with_head(const ModelFile& base, const TrainedHead& head,
                                    const std::vector<std::string>& labels, levit_export_options options);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_HEAD_FILE_H_
