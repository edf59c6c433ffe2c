#include "tools/levit/finetune/head_file.h"

namespace levit::tools {

std::vector<uint8_t> exported_file(const ModelFile& base, levit_export_options options) {
  options.size = sizeof options;
  size_t bytes = 0;
  check(levit_export_bytes(base.model(), &options, &bytes));
  std::vector<uint8_t> image(bytes);
  check(levit_export(base.model(), &options, image.data(), bytes));
  return image;
}

std::vector<uint8_t> file_with_head(const ModelFile& base, const TrainedHead& head,
                                    const std::vector<std::string>& labels, levit_export_options options) {
  const size_t classes = labels.size(), width = base.info().dims[2];
  size_t bytes = 0;
  check(levit_head_pack_bytes(width, classes, &bytes));
  Memory memory(bytes);
  check(levit_head_pack(head.weight.data(), head.bias.data(), width, classes, memory.data(), bytes,
                        &options.head));
  std::vector<const char*> names;
  for (const std::string& label : labels) names.push_back(label.c_str());
  options.label = names.data();
  return exported_file(base, options);
}

}  // namespace levit::tools
