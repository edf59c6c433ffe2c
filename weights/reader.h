// A .levit file that lies in memory and was found sound (validate.h): where everything is. Nothing is copied
// or allocated. FORMAT.md describes the bytes.
#ifndef LEVIT_WEIGHTS_READER_H_
#define LEVIT_WEIGHTS_READER_H_

#include "weights/layout.h"

namespace levit::weights {

enum class Resize : uint32_t { kSquash = 0, kTimm = 1, kHf = 2 };  // levit.h, levit_resize

struct Preprocessing {
  float mean[3], std[3];  // of RGB in [0, 1]
  Resize resize;
};

struct View {
  Config config;
  Preprocessing preprocessing;
  float temperature;  // probabilities = softmax(logits / temperature); of one logit, the sigmoid
  Type type;          // of the panels; each layer's: panel_type()
  bool float_head;    // the head's are fp32 in spite of it
  bool no_head;       // no classifier: the head is one class of zeros
  uint32_t labels;    // as many as classes; 2 for one logit, 0 without classifier
  uint32_t means;     // of the section of familiarity (familiarity.h); 0: there is none
  uint16_t version_major, version_minor;
  uint64_t checksum;
  const uint8_t* image;
  size_t bytes;
  const char* name;         // zero-terminated strings inside the image
  const char* note;         // what the model was trained on
  const char* first_label;  // the labels, one string after the other
  const char* labels_end;   // behind the last one
  const uint8_t* tensors;   // the table of tensors
};

// One layer's parameters, where they lie in the image.
struct LayerWeights {
  const void* panels;  // [panels][depth][16], 64-byte aligned
  Type type;           // of the panels
  const float* scale;  // [panels * 16], zero padded, of int8; else null
  const float* bias;   // [panels * 16], zero padded
  const float* table;  // [heads, grid * grid] or null
};

// A view of an image that validate() accepted; costs no pass over the panels.
View view(const void* image);

// The parameters of layer `index` of list_layers().
LayerWeights layer_weights(const View& view, uint32_t index);

// A label < view.labels: zero-terminated UTF-8.
const char* label(const View& view, uint32_t class_index);

// The one behind a label of the image; null behind the last.
const char* next_label(const View& view, const char* label);

// The fixed part of a file whose strings are not checked yet: everything but note and labels. `image` holds
// the fixed part and the table it announces.
View load_header(const uint8_t* image);

}  // namespace levit::weights

#endif  // LEVIT_WEIGHTS_READER_H_
