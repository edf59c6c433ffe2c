// The weight image behind its handle; and the version of the library that reads it.
#include "runtime/levit.h"
#include "runtime/network.h"
#include "runtime/sized.h"
#include "weights/reader.h"
#include "weights/validate.h"

namespace {

levit_status status_of(levit::weights::Fault fault) {
  using levit::weights::Fault;
  switch (fault) {
    case Fault::kNone:
      return LEVIT_OK;
    case Fault::kArgument:
      return LEVIT_ARGUMENT;
    case Fault::kMisaligned:
      return LEVIT_ALIGNMENT;
    case Fault::kNoMagic:
      return LEVIT_MAGIC;
    case Fault::kByteOrder:
      return LEVIT_BYTE_ORDER;
    case Fault::kTruncated:
      return LEVIT_TRUNCATED;
    case Fault::kVersion:
      return LEVIT_VERSION;
    case Fault::kFlags:
      return LEVIT_FLAGS;
    case Fault::kTrailing:
      return LEVIT_TRAILING;
    case Fault::kChecksum:
      return LEVIT_CHECKSUM;
    case Fault::kHeader:
      return LEVIT_HEADER;
    case Fault::kConfig:
      return LEVIT_CONFIG;
    case Fault::kTensor:
      return LEVIT_TENSOR;
    case Fault::kStrings:
      return LEVIT_STRINGS;
    case Fault::kValue:
      return LEVIT_VALUE;
    case Fault::kPadding:
      return LEVIT_PADDING;
  }
  return LEVIT_HEADER;
}

}  // namespace

extern "C" {

const char* levit_version(void) {
#define LEVIT_QUOTE(x) #x
#define LEVIT_DOTTED(a, b, c) LEVIT_QUOTE(a) "." LEVIT_QUOTE(b) "." LEVIT_QUOTE(c)
  return LEVIT_DOTTED(LEVIT_VERSION_MAJOR, LEVIT_VERSION_MINOR, LEVIT_VERSION_PATCH);
#undef LEVIT_DOTTED
#undef LEVIT_QUOTE
}

levit_status levit_open(const void* image, size_t bytes, const levit_model** model) {
  if (image == nullptr || model == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = status_of(levit::weights::validate(image, bytes));
  *model = status == LEVIT_OK ? static_cast<const levit_model*>(image) : nullptr;
  return status;
}

levit_status levit_model_info(const levit_model* model, levit_info* info) {
  if (model == nullptr || info == nullptr) return LEVIT_ARGUMENT;
  if (!levit::runtime::is_sized(info)) return LEVIT_STRUCT;
  levit_info made{};
  const levit::weights::View view = levit::weights::view(model);
  const levit::weights::Config& config = view.config;
  made.name = view.name;
  made.note = view.note;
  made.variant = levit::weights::variant_name(config);
  made.classes = config.classes;
  made.key = config.key;
  for (size_t stage = 0; stage < levit::weights::kStages; ++stage) {
    made.dims[stage] = config.dims[stage];
    made.heads[stage] = config.heads[stage];
    made.depth[stage] = config.depth[stage];
    made.grid[stage] = levit::weights::grid_side(config, stage);
  }
  made.parameters = levit::weights::parameter_count(config);
  made.dtype = static_cast<levit_dtype>(view.type);
  made.resize = static_cast<levit_resize>(view.preprocessing.resize);
  for (size_t c = 0; c < 3; ++c) {
    made.mean[c] = view.preprocessing.mean[c];
    made.std[c] = view.preprocessing.std[c];
  }
  made.temperature = view.temperature;
  made.version_major = view.version_major;
  made.version_minor = view.version_minor;
  made.checksum = view.checksum;
  made.labels = view.labels;
  made.familiarity = view.means;
  levit::runtime::write_sized(info, &made, sizeof made);
  return LEVIT_OK;
}

const char* levit_label(const levit_model* model, size_t class_index) {
  if (model == nullptr) return nullptr;
  const levit::weights::View view = levit::weights::view(model);
  if (class_index >= view.labels) return nullptr;
  return levit::weights::label(view, static_cast<uint32_t>(class_index));
}

const char* levit_next_label(const levit_model* model, const char* label) {
  if (model == nullptr || label == nullptr) return nullptr;
  return levit::weights::next_label(levit::weights::view(model), label);
}

}  // extern "C"
