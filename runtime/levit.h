/* LeViT on any machine: inference, gradients and explanations without heap, threads or files.
 *
 * C99. All memory is the caller's: the weight image (a .levit file, in flash, mapped or read) and one arena
 * per context. There is no destructor: a context ends when its arena does. Contexts share a model freely; one
 * context is used by one thread at a time, but for calls that take it as const: any number of those may run
 * at any time. The order of use is the order of this header.
 *
 * Sizes are in bytes when the name says bytes, else in elements. Arrays are dense and row-major, shapes in
 * brackets. Pictures for the network are [224][224][3] RGB8 (levit_preprocess makes them) or [3][224][224]
 * float32, normalised. Pointers must not be null unless their comment says so.
 *
 * "Returns" lists what a call can return beside LEVIT_OK. A call that does not return LEVIT_OK has promised
 * nothing about what it writes to. ARGUMENT is always: null where it must not be, zero or out of range.
 *
 * A library may be built without parts (options of CMake): without LEVIT_GRADIENTS sections 5 to 7 and 9 are
 * absent, without LEVIT_ATTRIBUTION section 7, without LEVIT_TRAIN section 9, without LEVIT_HEAD_TRAINING the
 * trainer, levit_feature_scale, levit_cosine_rate, levit_shuffle and levit_export, without LEVIT_STATUS_TEXT
 * levit_status_name and levit_status_text. A call that is absent does not link.
 *
 * Floating point is IEEE 754 in the environment that the caller has set, which no call changes. Results are
 * those of round to nearest without flush to zero. Another rounding mode moves them by rounding errors, and
 * so does taking subnormal numbers for zero; SSE4, WASM and SCALAR then take fp16 weights below 2^-14 for
 * zero too, which moves results by some 1e-5. On sound input no operation is invalid, divides by zero or
 * overflows, so a program may trap those; where a call returns NUMBER or DIVERGED, they may have happened.
 *
 * How many instructions a call takes follows from sizes, options and instruction set. What the numbers are
 * moves it by 10 % at most, and only in Grad-CAM++, LayerCAM, levit_cam_finish, probabilities, familiarity,
 * losses and training, and on SCALAR in the network too. Seeds move levit_shap and levit_shuffle. A call that
 * returns an error may end early. Some processors take longer over subnormal numbers.
 *
 * A struct that begins with `size` can grow with later versions. The caller sets size to its sizeof. Fields
 * that the caller's struct does not have count as their default, or are not written; fields that only the
 * caller's has must be zero (else STRUCT), or are set to zero. STRUCT also when no sensible size is set.
 */
#ifndef LEVIT_H_
#define LEVIT_H_

#include <stddef.h>
#include <stdint.h>

#include "levit_status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LEVIT_VERSION_MAJOR 0
#define LEVIT_VERSION_MINOR 4
#define LEVIT_VERSION_PATCH 1
#define LEVIT_SIDE 224           /* pictures are LEVIT_SIDE x LEVIT_SIDE */
#define LEVIT_ARENA_ALIGNMENT 64 /* of the weight image and the arena */

/* The name ("ARENA") and a sentence for a status; never null. */
const char* levit_status_name(levit_status status);
const char* levit_status_text(levit_status status);

/* "0.2.0" */
const char* levit_version(void);

/* 1. Weights */

/* A validated weight image; it is the image itself, nothing is copied. */
typedef struct levit_model levit_model;

/* Validates a whole .levit image and gives its handle (null unless LEVIT_OK). The image must stay, unchanged,
 * while the model is used. image: aligned to LEVIT_ARENA_ALIGNMENT. Returns, the first that holds: ARGUMENT,
 * ALIGNMENT, MAGIC, BYTE_ORDER, TRUNCATED, VERSION, FLAGS, TRAILING, CHECKSUM, HEADER, CONFIG, TENSOR,
 * STRINGS, VALUE, PADDING. */
levit_status levit_open(const void* image, size_t bytes, const levit_model** model);

typedef enum levit_resize {
  LEVIT_RESIZE_SQUASH = 0, /* to 224x224, bilinear with antialias */
  LEVIT_RESIZE_TIMM = 1,   /* shorter side to 248, bicubic, centre crop 224 */
  LEVIT_RESIZE_HF = 2      /* shorter side to 256, bicubic, centre crop 224 */
} levit_resize;

/* What the weights are: IEEE binary32 or binary16; 8-bit integers with a scale for each output, all but the
 * first three convolutions and the head, which are binary16 (or binary32 after training). */
typedef enum levit_dtype { LEVIT_F32 = 0, LEVIT_F16 = 1, LEVIT_Q8 = 2 } levit_dtype;

typedef struct levit_info {
  size_t size;                       /* sizeof(levit_info), set by the caller */
  const char *name, *note, *variant; /* variant: "levit_128s", or null for other shapes */
  uint32_t classes, key;
  uint32_t dims[3], heads[3], depth[3];
  uint32_t grid[3];    /* token grid sides: 14, 7, 4 */
  uint64_t parameters; /* values of the network, padding not counted */
  levit_dtype dtype;
  levit_resize resize;
  float mean[3], std[3], temperature;
  uint32_t version_major, version_minor; /* of the file */
  uint64_t checksum;
  uint32_t labels;      /* as many as classes; 2 for one logit (classes 1), 0 without classifier */
  uint32_t familiarity; /* class means that levit_familiarity measures from; 0: it has none */
} levit_info;

/* Returns: ARGUMENT, STRUCT. */
levit_status levit_model_info(const levit_model* model, levit_info* info);

/* The label of a class, UTF-8; null when there is no such class. A model of one logit has two: the logit is
 * for label 1 and against label 0 (torch's BCEWithLogitsLoss: targets 0 and 1). Two classes may have one
 * label. It walks over the labels before it: for all of many classes, levit_next_label. */
const char* levit_label(const levit_model* model, size_t index);

/* The label behind `label`, which the model gave; null behind the last one. */
const char* levit_next_label(const levit_model* model, const char* label);

/* The bytes of the same model in fp32, as levit_widen writes it. Returns: ARGUMENT. */
levit_status levit_widened_bytes(const levit_model* model, size_t* bytes);

/* Writes the same model in fp32, a whole .levit image, for levit_open: twice the memory of binary16, four
 * times that of 8 bits, and faster where widening weights in every pass costs more than loading them (no FMA,
 * no binary16 in hardware). Logits of binary16 stay bit for bit, those of 8 bits within rounding. image: any
 * alignment; may not overlap the model. A scale of 8 bits so large that weights overflow is levit_open's
 * VALUE. Returns: ARGUMENT, ARENA. */
levit_status levit_widen(const levit_model* model, void* image, size_t bytes);

/* 2. Context */

/* Features; classification is always there. */
enum {
  LEVIT_GRADIENT = 1,   /* levit_gradient, levit_cam */
  LEVIT_ATTRIBUTION = 2 /* levit_shap, levit_integrated_gradients; implies LEVIT_GRADIENT */
};

/* Runs task(task_context, i, worker) for every i < count, in any order and on any threads, and returns when
 * all are done. worker < the context's `threads`, and no two calls at the same time share a worker. */
typedef void (*levit_task)(void* task_context, size_t index, size_t worker);
typedef void (*levit_parallel_for)(void* context, size_t count, levit_task task, void* task_context);

/* Called between steps of long calls; done of total. Returning non-zero cancels (LEVIT_CANCELLED). */
typedef int (*levit_progress)(void* context, size_t done, size_t total);

typedef struct levit_options {
  size_t size;                     /* sizeof(levit_options), set by the caller */
  uint32_t features;               /* LEVIT_GRADIENT, LEVIT_ATTRIBUTION, or 0 */
  uint32_t batch;                  /* pictures in one pass, at least 1 */
  uint32_t threads;                /* workers that parallel_for may use, at least 1; with a picture
                                      for each, they do not wait for each other */
  levit_parallel_for parallel_for; /* null: everything in the calling thread (threads must be 1) */
  void* parallel_context;
  levit_progress progress; /* null: no progress, no cancel */
  void* progress_context;
  const char* target; /* instruction set, as levit_target_name gives it; null: the best */
} levit_options;

/* One picture at a time, one thread, no gradients. Compiled with the caller, whose struct it fills. */
static inline levit_options levit_default_options(void) {
  /* NOLINTNEXTLINE(modernize-use-nullptr): C */
  const levit_options options = {sizeof(levit_options), 0, 1, 1, NULL, NULL, NULL, NULL, NULL};
  return options;
}

/* Instruction sets that this processor and this build have, best first; null past the last. */
const char* levit_target_name(size_t index);

/* Exactly the arena that levit_create needs. Returns: ARGUMENT, STRUCT, FEATURE, TARGET. */
levit_status levit_arena_bytes(const levit_model* model, const levit_options* options, size_t* bytes);

typedef struct levit_context levit_context; /* lies in its arena */

/* arena: aligned to LEVIT_ARENA_ALIGNMENT, need not be cleared; nothing is written to it unless LEVIT_OK.
 * Returns: ARGUMENT, STRUCT, FEATURE (one that the library is built without), TARGET, ALIGNMENT, ARENA. */
levit_status levit_create(const levit_model* model, const levit_options* options, void* arena,
                          size_t arena_bytes, levit_context** context);

/* The instruction set that a context uses; null without a context. */
const char* levit_context_target(const levit_context* context);

/* 3. Pixels */

/* An RGB8 picture: row y starts at pixels + y * stride. */
typedef struct levit_image {
  const uint8_t* pixels;
  size_t width, height;
  size_t stride; /* bytes between rows, at least 3 * width */
} levit_image;

/* Scratch that levit_preprocess needs for a picture of that size. Returns: ARGUMENT (a side above 2^31 - 1
 * included), IMAGE. */
levit_status levit_preprocess_bytes(size_t width, size_t height, levit_resize resize, size_t* bytes);

/* Resizes and crops to out [224][224][3], bit for bit as Pillow does. context: whose instruction set to use;
 * null for the best, which takes asking the processor. scratch: any alignment. Returns: ARGUMENT, IMAGE,
 * ARENA (the scratch is too small). */
levit_status levit_preprocess(const levit_context* context, const levit_image* image, levit_resize resize,
                              void* scratch, size_t scratch_bytes, uint8_t* out);

/* The same from rows as a decoder or a sensor delivers them, of a picture that is never whole in memory, and
 * turned upright on the way: orientation is that of EXIF, 1 (as stored) to 8. The size is that of the stored
 * picture. What it needs grows with the sides, not with the area. Returns: ARGUMENT, IMAGE. */
typedef struct levit_rows levit_rows; /* lies in its scratch */
levit_status levit_rows_bytes(size_t width, size_t height, int orientation, levit_resize resize,
                              size_t* bytes);

/* context: as for levit_preprocess. scratch: any alignment; it and out [224][224][3] stay until the end.
 * Returns: ARGUMENT, IMAGE, ARENA (the scratch is too small). */
levit_status levit_rows_begin(const levit_context* context, size_t width, size_t height, int orientation,
                              levit_resize resize, void* scratch, size_t scratch_bytes, uint8_t* out,
                              levit_rows** rows);

/* The next `count` rows from the top, `stride` bytes apart. Rows below the picture are passed over. Returns:
 * ARGUMENT. */
levit_status levit_rows_add(levit_rows* rows, const uint8_t* pixels, size_t stride, size_t count);

/* LEVIT_OK when `out` is complete. Returns: ARGUMENT, IMAGE (rows are missing). */
levit_status levit_rows_end(const levit_rows* rows);

/* The rectangle of the picture, in its own pixels, that levit_preprocess shows to the network. */
typedef struct levit_window {
  double left, top, width, height;
} levit_window;

/* Returns: ARGUMENT, IMAGE. */
levit_status levit_preprocess_window(size_t width, size_t height, levit_resize resize, levit_window* window);

/* Pictures for the network: exactly one of the two is not null. */
typedef struct levit_input {
  const uint8_t* rgb;  /* [count][224][224][3] */
  const float* tensor; /* [count][3][224][224], normalised: at most 2^20 in magnitude, which no mean and
                          standard deviation of a model exceed; else, and for NaN, LEVIT_NUMBER */
} levit_input;

/* The tensor that the network sees for rgb [224][224][3]: out [3][224][224]. Returns: ARGUMENT. */
levit_status levit_normalise(const levit_context* context, const uint8_t* rgb, float* out);

/* 4. Classification */

/* logits [count][classes]. count up to the context's batch. Returns: ARGUMENT, BATCH, NUMBER (of the input,
 * or logits that overflow), NO_HEAD (a weight file without classifier, and no levit_use_head). */
levit_status levit_classify(levit_context* context, levit_input input, size_t count, float* logits);

/* softmax(logits / temperature): logits and probabilities [count][classes], may be the same array. With one
 * logit sigmoid(logit / temperature): logits [count][1], probabilities [count][2], of label 0 and of label 1,
 * whose probability is the sigmoid. Of a head of levit_use_head: softmax(logits). Returns: ARGUMENT, NUMBER,
 * NO_HEAD. */
levit_status levit_probabilities(const levit_context* context, const float* logits, size_t count,
                                 float* probabilities);

/* 5. Gradients (LEVIT_GRADIENT) */

typedef enum levit_layer {
  LEVIT_INPUT = 0,  /* normalised picture [3][224][224] */
  LEVIT_STEM = 1,   /* stem output as tokens [14*14][dims[0]] */
  LEVIT_STAGE0 = 2, /* tokens after a stage [grid^2][dims] */
  LEVIT_STAGE1 = 3,
  LEVIT_STAGE2 = 4
} levit_layer;

/* Floats of one picture's values at a layer. Returns: ARGUMENT, LAYER. */
levit_status levit_layer_floats(const levit_model* model, levit_layer layer, size_t* floats);

/* Gradient of score = sum over k of direction[k] * logit[k] with respect to the values at a layer.
 * direction [count][classes]; gradient [count][layer floats]; activation (the values there) and logits may be
 * null. Returns: ARGUMENT, FEATURE, LAYER, BATCH, NUMBER (of input or direction, or an overflow). */
levit_status levit_gradient(levit_context* context, levit_input input, size_t count, const float* direction,
                            levit_layer layer, float* gradient, float* activation, float* logits);

/* 6. Class activation maps (LEVIT_GRADIENT) */

typedef enum levit_cam_method {
  LEVIT_GRADCAM = 0,          /* Selvaraju et al. 2017, arXiv 1610.02391 */
  LEVIT_GRADCAM_PLUSPLUS = 1, /* Chattopadhay et al. 2018, arXiv 1710.11063 */
  LEVIT_HIRESCAM = 2,         /* Draelos and Carin 2020, arXiv 2011.08891 */
  LEVIT_LAYERCAM = 3,         /* Jiang et al. 2021, IEEE TIP 30 */
  LEVIT_XGRADCAM = 4          /* Fu et al. 2020, arXiv 2008.02312 */
} levit_cam_method;

/* The raw signed map of one picture at STEM or a stage: map [grid][grid], no ReLU, no scaling. logits may be
 * null. Returns: ARGUMENT, FEATURE, LAYER, NUMBER. */
levit_status levit_cam(levit_context* context, levit_input input, const float* direction,
                       levit_cam_method method, levit_layer layer, float* map, float* logits);

/* The same from given values: activation and gradient [tokens][channels], map [tokens]. Returns: ARGUMENT. */
levit_status levit_cam_from(levit_cam_method method, const float* activation, const float* gradient,
                            size_t tokens, size_t channels, float* map);

/* ReLU, scaling to [0, 1] and bilinear resizing of a raw map, as pytorch-grad-cam finishes it. map
 * [side][side], out [out_side][out_side]. *flat (may be null) is set to 1 when the map shows nothing, no cell
 * positive or all alike, and out is all zero; else to 0. Returns: ARGUMENT, NUMBER. */
levit_status levit_cam_finish(const float* map, size_t side, float* out, size_t out_side, int* flat);

/* 7. Attributions of pixels (LEVIT_ATTRIBUTION) */

/* Gives background picture `index`, a normalised tensor [3][224][224] that stays valid until the next call.
 * Called more than once for the same index, always with the same picture. */
typedef const float* (*levit_background)(void* context, size_t index);

typedef struct levit_shap_options {
  size_t size;            /* sizeof(levit_shap_options), set by the caller */
  const float* direction; /* [classes]: the score explained */
  levit_background background;
  void* background_context;
  size_t backgrounds; /* at least 1 */
  size_t samples;     /* at least 1 */
  uint32_t seed;      /* of NumPy's legacy generator: shap's rseed */
  uint32_t reserved;  /* 0 */
} levit_shap_options;

typedef struct levit_attribution {
  size_t size;       /* sizeof(levit_attribution), set by the caller */
  double score;      /* f(x) */
  double base_value; /* SHAP: mean score of the backgrounds; integrated gradients: score of the baseline */
  double sum;        /* of all values */
  double gap;        /* score - base_value - sum: what the samples did not explain */
  double standard_error; /* of `sum` (SHAP); 0 for integrated gradients */
} levit_attribution;

/* Expected gradients (Erion et al. 2021; shap's GradientExplainer): values [3][224][224]; variance, may be
 * null, is the population variance over the samples divided by their number, that is the squared standard
 * error of each value (shap's return_variances divides by the square root of the number instead). Sums in
 * float64. tensor: one picture. attribution may be null: then neither the picture nor the backgrounds are
 * scored. Samples go through the network `batch` at a time, which changes no bit of the result. Returns:
 * ARGUMENT (a background that is null included), STRUCT, FEATURE, NUMBER, CANCELLED. */
levit_status levit_shap(levit_context* context, const float* tensor, const levit_shap_options* options,
                        float* values, float* variance, levit_attribution* attribution);

/* Integrated gradients (Sundararajan et al. 2017) by the midpoint rule; baseline [3][224][224], null for
 * zeros. attribution may be null. Returns: ARGUMENT, STRUCT, FEATURE, NUMBER, CANCELLED. */
levit_status levit_integrated_gradients(levit_context* context, const float* tensor, const float* baseline,
                                        const float* direction, size_t steps, float* values,
                                        levit_attribution* attribution);

/* 8. Learning a head: a classifier of other classes over the pooled features of a read-only backbone. The
 * order: levit_features of labelled pictures, a trainer over them, levit_head_pack, and levit_use_head in a
 * context or levit_export to a weight file. Batch norms are folded, so a head is one linear map, and a 1x1
 * convolution followed by average pooling is the same map. */

/* What the head sees: the mean of the last stage's tokens, features [count][dims[2]]. A count up to the
 * context's batch. Returns: ARGUMENT, BATCH, NUMBER. */
levit_status levit_features(levit_context* context, levit_input input, size_t count, float* features);

/* Both in one pass: logits of levit_classify, features of levit_features. Returns as levit_classify. */
levit_status levit_classify_features(levit_context* context, levit_input input, size_t count, float* logits,
                                     float* features);

/* How far pictures lie from those that the model was trained on: the Mahalanobis distance of features
 * [count][dims[2]] to the nearest class mean under the covariance that the classes share (Lee et al. 2018,
 * arXiv 1807.03888), distance [count], and how many per cent of the training pictures lie nearer, percentile
 * [count], 0 to 100; either may be null. Sums in float64. Returns: ARGUMENT, NO_FAMILIARITY, NUMBER (of the
 * features, or a distance that overflows). */
levit_status levit_familiarity(const levit_model* model, const float* features, size_t count, float* distance,
                               float* percentile);

typedef enum levit_optimizer {
  LEVIT_ADAMW = 0, /* Loshchilov and Hutter 2019, arXiv 1711.05101 */
  LEVIT_SGD = 1    /* with momentum, and decay added to the gradient, as torch.optim.SGD has it */
} levit_optimizer;

typedef struct levit_head_options {
  size_t size;     /* sizeof(levit_head_options), set by the caller */
  size_t features; /* of a picture: dims[2] */
  size_t classes;  /* at least 2 */
  levit_optimizer optimizer;
  double weight_decay;        /* of weights and biases */
  double momentum;            /* SGD; and AdamW's decay of the first moment */
  double second_momentum;     /* AdamW: decay of the second moment */
  double epsilon;             /* AdamW: added to the root of the second moment */
  double label_smoothing;     /* share of every target that all classes share, in [0, 1) */
  const float* class_weights; /* [classes], positive; copied; null: all 1 */
  const float* mean;          /* [features], with `scale`; copied; null: 0 and 1 */
  const float* scale;         /* [features], positive: training is on (x - mean) * scale, decay too; the
                                 head that is set and got is one for x all the same */
} levit_head_options;

/* AdamW with weight decay 0.05, momenta 0.9 and 0.999, epsilon 1e-8, no smoothing, no weights. Compiled with
 * the caller, whose struct it fills. */
static inline levit_head_options levit_default_head_options(size_t features, size_t classes) {
  /* NOLINTBEGIN(modernize-use-nullptr): C */
  const levit_head_options options = {sizeof(levit_head_options),
                                      features,
                                      classes,
                                      LEVIT_ADAMW,
                                      0.05,
                                      0.9,
                                      0.999,
                                      1e-8,
                                      0,
                                      NULL,
                                      NULL,
                                      NULL};
  /* NOLINTEND(modernize-use-nullptr) */
  return options;
}

/* Mean and 1 / standard deviation of each feature over the rows [count][features], for levit_head_options:
 * what makes one learning rate serve any backbone. A feature that does not vary has scale 1. */
levit_status levit_feature_scale(const float* rows, size_t count, size_t features, float* mean, float* scale);

typedef struct levit_head_trainer levit_head_trainer; /* lies in the caller's memory */

/* Exactly the memory that levit_head_create needs: 32 bytes a parameter for AdamW, 24 for SGD, and some.
 * Returns: ARGUMENT, STRUCT. */
levit_status levit_head_bytes(const levit_head_options* options, size_t* bytes);

/* A trainer whose head is all zero. memory: aligned to LEVIT_ARENA_ALIGNMENT, need not be cleared.
 * Returns: ARGUMENT, STRUCT, ALIGNMENT, ARENA. */
levit_status levit_head_create(const levit_head_options* options, void* memory, size_t bytes,
                               levit_head_trainer** trainer);

/* Takes a head to start from: weight [classes][features], bias [classes]. Moments and steps stay.
 * Returns: ARGUMENT, NUMBER. */
levit_status levit_head_set(levit_head_trainer* trainer, const float* weight, const float* bias);

/* The head, rounded once to float32. Returns: ARGUMENT, DIVERGED (it is not finite). */
levit_status levit_head_get(const levit_head_trainer* trainer, float* weight, float* bias);

/* Cross-entropy of `count` rows of features with labels [count], the mean weighted by the classes' weights:
 * target t[k] = smoothing / classes * c[k] + (1 - smoothing) * c[label] [k = label], loss = - sum of
 * t[k] log p[k] / sum of c[label]. Sums in float64, row by row. loss, correct (rows whose label has the
 * largest logit): may be null. Returns: ARGUMENT, CLASS (a label), NUMBER (a feature), DIVERGED (the loss is
 * not finite). */
levit_status levit_head_loss(levit_head_trainer* trainer, const float* features, const uint32_t* labels,
                             size_t count, double* loss, size_t* correct);

/* The same, and the gradient of that loss replaces the trainer's. Returns as levit_head_loss. */
levit_status levit_head_gradient(levit_head_trainer* trainer, const float* features, const uint32_t* labels,
                                 size_t count, double* loss, size_t* correct);

/* For another loss: its derivatives by the logits, direction [count][classes]. Returns: ARGUMENT, NUMBER. */
levit_status levit_head_gradient_from(levit_head_trainer* trainer, const float* features,
                                      const float* direction, size_t count);

/* One step of the optimiser along the gradient. Returns: ARGUMENT, DIVERGED (a parameter is not finite any
 * more; levit_head_set brings an earlier head back). */
levit_status levit_head_step(levit_head_trainer* trainer, double rate);

/* Rate of step 0, 1, ... steps - 1: rises linearly over `warmup` steps to `base`, then falls along a half
 * cosine towards 0. */
double levit_cosine_rate(double base, size_t step, size_t warmup, size_t steps);

/* An order of `count` rows for one epoch: order is a permutation of 0 ... count - 1 that depends on count and
 * seed alone (Fisher and Yates, by NumPy's legacy generator). */
void levit_shuffle(uint32_t seed, size_t count, uint32_t* order);

typedef struct levit_head levit_head; /* packed, in the caller's memory */

/* Memory for a packed head. Returns: ARGUMENT. */
levit_status levit_head_pack_bytes(size_t features, size_t classes, size_t* bytes);

/* Packs weight [classes][features] and bias [classes] in fp32, as the kernels read them. memory: aligned to
 * LEVIT_ARENA_ALIGNMENT. Returns: ARGUMENT, ALIGNMENT, ARENA, NUMBER. */
levit_status levit_head_pack(const float* weight, const float* bias, size_t features, size_t classes,
                             void* memory, size_t bytes, const levit_head** head);

/* From here on the context has this head: its classes are those of every logits and direction. The head must
 * stay while it is used; null brings the model's own back. A context with gradients takes no more classes
 * than the model has (CLASS). Returns: ARGUMENT (another number of features), CLASS. */
levit_status levit_use_head(levit_context* context, const levit_head* head);

/* softmax(logits / temperature) for any number of classes; may be in place. Returns: ARGUMENT, NUMBER. */
levit_status levit_softmax(const float* logits, size_t count, size_t classes, float temperature,
                           float* probabilities);

/* Each cell's share of one class's logit: the head before pooling (Zhou et al. 2016, arXiv 1512.04150), map
 * [4][4] whose sum is the logit. Needs no gradient. Returns: ARGUMENT, CLASS, NUMBER. */
levit_status levit_class_map(levit_context* context, levit_input input, size_t class_index, float* map,
                             float* logits);

#define LEVIT_QUANTILES 1001

/* What levit_familiarity measures with; for levit_export. */
typedef struct levit_training_spread {
  size_t size;            /* sizeof(levit_training_spread), set by the caller */
  const float* whitening; /* W [dims[2]][dims[2]], lower triangular; above it nothing is read: the inverse of
                             the Cholesky factor L of the shared covariance L L^T */
  const float* mean;      /* [means][dims[2]]: of the features of each class */
  size_t means;           /* 1 to 65536 */
  const float* quantile;  /* [LEVIT_QUANTILES]: of the distances of training pictures, 0 to 1000 per mille */
} levit_training_spread;

typedef struct levit_export_options {
  size_t size;                         /* sizeof(levit_export_options), set by the caller */
  const levit_head* head;              /* null: the model's own */
  const char* const* label;            /* [classes]; null: the model's, when the classes are as many */
  const char *name, *note;             /* UTF-8; null: the model's */
  float temperature;                   /* 0: 1 with another head, else the model's */
  uint32_t reserved;                   /* 0 */
  const levit_training_spread* spread; /* null: the model's when the head is the model's, else none */
} levit_export_options;

/* Exactly the bytes of the weight file that levit_export makes. Returns: ARGUMENT (another number of
 * features, no labels, no means), STRUCT, STRINGS, CONFIG (temperature), NUMBER (of the spread, or quantiles
 * that do not ascend). */
levit_status levit_export_bytes(const levit_model* model, const levit_export_options* options, size_t* bytes);

/* Writes a whole .levit image: the model's backbone, byte for byte, with another head (in fp32, whatever the
 * backbone is in: the logits are those of levit_use_head, bit for bit), labels, name, note, temperature
 * or spread (W to 1/32767 of the largest value of a row). image: any alignment; may not overlap the model.
 * Returns as levit_export_bytes; ARENA. */
levit_status levit_export(const levit_model* model, const levit_export_options* options, void* image,
                          size_t bytes);

#ifdef __cplusplus
}
#endif

#include "levit_train.h" /* 9. Training the whole network */

#endif /* LEVIT_H_ */
