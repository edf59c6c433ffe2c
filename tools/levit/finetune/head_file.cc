#include "tools/levit/finetune/head_file.h"

#include <algorithm>
#include <cstring>

namespace levit::tools {

std::string taught_name(std::string base, const std::string& part, const std::vector<std::string>& labels) {
  constexpr size_t kNamedLabels = 4;
  for (const char* earlier : {" (head of ", " (network of "})
    base.resize(std::min(base.size(), base.find(earlier)));
  std::string list;
  for (const std::string& label : labels) list += (list.empty() ? "" : ", ") + label;
  if (labels.size() > kNamedLabels) list = std::to_string(labels.size()) + " classes";
  return base + " (" + part + " of " + list + ")";
}

std::vector<uint8_t> exported_file(const levit_model* base, levit_export_options options) {
  options.size = sizeof options;
  size_t bytes = 0;
  check(levit_export_bytes(base, &options, &bytes));
  std::vector<uint8_t> image(bytes);
  check(levit_export(base, &options, image.data(), bytes));
  return image;
}

std::vector<uint8_t> file_with_head(const levit_model* base, const TrainedHead& head,
                                    const std::vector<std::string>& labels, levit_export_options options) {
  const size_t classes = labels.size(), width = info(base).dims[2];
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

Memory in_memory(const std::vector<uint8_t>& file) {
  Memory image(file.size());
  std::memcpy(image.data(), file.data(), file.size());
  return image;
}

}  // namespace levit::tools
