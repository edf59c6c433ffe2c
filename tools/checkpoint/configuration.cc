#include "tools/checkpoint/configuration.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/checkpoint/families.h"

namespace levit::tools {
namespace {

constexpr uint64_t kLargestSize =
    1u << 20;  // beyond any LeViT; products of a few sizes stay far from 64 bits
constexpr uint32_t kAttentionRatio = 2, kDownsampleRatio = 4, kMlpRatio = 2;

// One size, elected by the tensors that depend on it; the first of the most frequent values wins.
class Election {
 public:
  void vote(uint64_t value) {
    if (value == 0 || value > kLargestSize) return;
    for (auto& candidate : candidates_) {
      if (candidate.value == value) {
        ++candidate.votes;
        return;
      }
    }
    candidates_.push_back({value, 1});
  }

  // A vote for value / divisor; a value that is not a multiple has none.
  void vote_share(uint64_t value, uint64_t divisor) {
    if (divisor != 0 && value % divisor == 0) vote(value / divisor);
  }

  // 0 if nobody voted.
  uint32_t winner() const {
    const auto best = std::max_element(candidates_.begin(), candidates_.end(),
                                       [](const auto& a, const auto& b) { return a.votes < b.votes; });
    return best == candidates_.end() ? 0 : static_cast<uint32_t>(best->value);
  }

 private:
  struct Candidate {
    uint64_t value;
    int votes;
  };
  std::vector<Candidate> candidates_;
};

// Size of dimension d of a tensor; 0 if there is none.
uint64_t size_of(const StateDict& dict, const std::string& name, size_t d) {
  const auto found = dict.find(name);
  return found == dict.end() || d >= found->second.shape.size() ? 0 : found->second.shape[d];
}

std::string stage_prefix(size_t stage) {
  return "stages." + std::to_string(stage);
}

std::string block_prefix(size_t stage, uint32_t block) {
  return stage_prefix(stage) + ".blocks." + std::to_string(block);
}

void infer_depths(const StateDict& dict, weights::Config* config) {
  find_depths(dict, Family::kTimm, config->depth);
  std::string empty;
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    if (config->depth[stage] == 0) empty += (empty.empty() ? "" : ", ") + stage_prefix(stage);
  }
  if (!empty.empty()) {
    throw std::runtime_error("not a whole LeViT: " + std::to_string(dict.size()) +
                             " tensors, and every block of " + empty + " is missing");
  }
}

void infer_dims(const StateDict& dict, weights::Config* config) {
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    Election dim;
    for (uint32_t block = 0; block < config->depth[stage]; ++block) {
      const std::string prefix = block_prefix(stage, block);
      dim.vote(size_of(dict, prefix + ".attn.qkv.linear.weight", 1));
      dim.vote(size_of(dict, prefix + ".attn.proj.ln.linear.weight", 0));
      dim.vote(size_of(dict, prefix + ".mlp.ln1.linear.weight", 1));
      dim.vote(size_of(dict, prefix + ".mlp.ln2.linear.weight", 0));
    }
    config->dims[stage] = dim.winner();
  }
}

// From the downsamplings, whose number of heads their bias tables tell.
void infer_key(const StateDict& dict, weights::Config* config) {
  Election key;
  for (size_t stage = 1; stage < weights::kStages; ++stage) {
    const std::string prefix = stage_prefix(stage) + ".downsample.attn_downsample";
    const uint64_t heads = size_of(dict, prefix + ".attention_biases", 0);
    key.vote_share(config->dims[stage - 1], heads);
    key.vote_share(size_of(dict, prefix + ".q.ln.linear.weight", 0), heads);
    if (heads <= kLargestSize)
      key.vote_share(size_of(dict, prefix + ".kv.linear.weight", 0), heads * (1 + kDownsampleRatio));
  }
  config->key = key.winner();
}

void infer_heads(const StateDict& dict, weights::Config* config) {
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    Election heads;
    for (uint32_t block = 0; block < config->depth[stage]; ++block) {
      const std::string prefix = block_prefix(stage, block) + ".attn";
      heads.vote(size_of(dict, prefix + ".attention_biases", 0));
      heads.vote_share(size_of(dict, prefix + ".qkv.linear.weight", 0),
                       uint64_t{config->key} * (2 + kAttentionRatio));
      heads.vote_share(size_of(dict, prefix + ".proj.ln.linear.weight", 1),
                       uint64_t{config->key} * kAttentionRatio);
    }
    config->heads[stage] = heads.winner();
  }
}

HeadKind infer_head(const StateDict& dict) {
  const auto holds = [&](const std::string& prefix) {
    const auto it = dict.lower_bound(prefix);
    return it != dict.end() && it->first.compare(0, prefix.size(), prefix) == 0;
  };
  if (holds("conv_head.")) return HeadKind::kConv;
  return holds("head_dist.") ? HeadKind::kDistilled : HeadKind::kSingle;
}

void infer_classes(const StateDict& dict, HeadKind head, weights::Config* config) {
  if (head == HeadKind::kConv) {
    config->classes = static_cast<uint32_t>(std::min(size_of(dict, "conv_head.weight", 0), kLargestSize));
    return;
  }
  const uint64_t first = size_of(dict, "head.linear.weight", 0),
                 second = size_of(dict, "head_dist.linear.weight", 0);
  if (first != 0 && second != 0 && first != second) {
    throw std::runtime_error("head has " + std::to_string(first) + " classes, head_dist has " +
                             std::to_string(second));
  }
  Election classes;
  classes.vote(first != 0 ? first : second);
  classes.vote(size_of(dict, "head.linear.bias", 0));
  config->classes = classes.winner();
}

// Published or registered shapes that need what this library does not have.
struct Unsupported {
  const char* name;
  uint32_t dims[3], key, heads[3], depth[3];
};
constexpr Unsupported kSilu[] = {{"levit_512", {512, 768, 1024}, 64, {8, 12, 16}, {4, 4, 4}},
                                 {"levit_256d", {256, 384, 512}, 32, {4, 6, 8}, {4, 8, 6}},
                                 {"levit_512d", {512, 640, 768}, 64, {8, 10, 12}, {4, 8, 6}}};

void refuse_unsupported(const StateDict& dict, const weights::Config& config) {
  if (size_of(dict, "stem.conv4.linear.weight", 0) == 0 && config.dims[0] != 0 &&
      size_of(dict, "stem.conv3.linear.weight", 0) == config.dims[0]) {
    const char* name = config.dims[0] == 384   ? "levit_384_s8"
                       : config.dims[0] == 512 ? "levit_512_s8"
                                               : "a stride-8 LeViT";
    throw std::runtime_error(std::string(name) +
                             ": a stem of three convolutions (stride 8) is not supported");
  }
  for (const Unsupported& variant : kSilu) {
    if (std::equal(variant.dims, variant.dims + 3, config.dims) && variant.key == config.key &&
        std::equal(variant.heads, variant.heads + 3, config.heads) &&
        std::equal(variant.depth, variant.depth + 3, config.depth)) {
      throw std::runtime_error(std::string(variant.name) + ": its activation, SiLU, is not supported");
    }
  }
}

std::string triple(const uint32_t* values) {
  char text[64];
  std::snprintf(text, sizeof text, "%u,%u,%u", values[0], values[1], values[2]);
  return text;
}

}  // namespace

Configuration infer_configuration(const StateDict& dict) {
  Configuration result;
  weights::Config& config = result.config;
  config.side = weights::kSide;
  config.attention_ratio = kAttentionRatio;
  config.downsample_ratio = kDownsampleRatio;
  config.mlp_ratio = kMlpRatio;
  infer_depths(dict, &config);
  infer_dims(dict, &config);
  infer_key(dict, &config);
  infer_heads(dict, &config);
  refuse_unsupported(dict, config);
  result.head = infer_head(dict);
  infer_classes(dict, result.head, &config);
  result.fused = std::none_of(dict.begin(), dict.end(), [](const auto& entry) {
    return entry.first.find(".bn.") != std::string::npos;
  });
  if (!weights::valid(config)) {
    throw std::runtime_error(
        "a LeViT of sizes that are not supported (0 where the tensors do not tell): widths " +
        triple(config.dims) + ", heads " + triple(config.heads) + ", depth " + triple(config.depth) +
        ", key " + std::to_string(config.key) + ", classes " + std::to_string(config.classes));
  }
  return result;
}

}  // namespace levit::tools
