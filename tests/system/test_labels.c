/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of every kind behind the whole function: a checkpoint is written, `distil convert` makes a
 * blob of it, an event of SNS goes through ./bootstrap, and the item in the store says what the
 * library says about the text: the label and its score, and the map of labels where the model lists
 * several.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/distil.h"
#include "tests/convert/checkpoint_writer.h"
#include "tests/support/harness.h"
#include "tests/support/support_function.h"

enum { MAX_LABELS = 300, PATH_BYTES = 128 };

typedef struct label_case {
    const char *name;
    uint32_t n_labels;
    const char *problem_type; /* The member of config.json, or NULL for none. */
    const char *map;          /* DISTIL_LABEL_MAP, or NULL. */
    distil_function function; /* What the model then has. */
    int listed;               /* 1: the item has a map of labels. */
    int sentiments;           /* 1: the map makes a sentiment model. */
} label_case;

static const label_case cases[] = {
    {"three hundred topics", 300, NULL, NULL, DISTIL_FUNCTION_SOFTMAX, 0, 0},
    {"two labels, one with another name", 2, NULL, "CLASS 0=joy", DISTIL_FUNCTION_SOFTMAX, 0, 0},
    {"two labels that become sentiments", 2, NULL, "CLASS 1=positive,CLASS 0=negative",
     DISTIL_FUNCTION_SOFTMAX, 0, 1},
    {"several labels a text", 6, "multi_label_classification", "CLASS 5=\xc3\xa9mu",
     DISTIL_FUNCTION_SIGMOID, 1, 0},
    {"one label with a probability", 1, NULL, NULL, DISTIL_FUNCTION_SIGMOID, 0, 0},
    {"one score", 1, "regression", NULL, DISTIL_FUNCTION_NONE, 0, 0},
    {"several scores", 3, "regression", NULL, DISTIL_FUNCTION_NONE, 1, 0},
};

static char directory[] = "/tmp/distil-test-labels-XXXXXX";

/* ---- the model ------------------------------------------------------------------------------- */

/* Add problem_type to config.json. */
static void set_problem_type(const char *folder, const char *problem_type)
{
    char path[PATH_BYTES + 16];
    size_t size;
    char *text;
    FILE *file;

    snprintf(path, sizeof path, "%s/config.json", folder);
    text = harness_read_file(path, &size);
    file = fopen(path, "w");
    if (text == NULL || file == NULL || text[0] != '{')
        abort();
    fprintf(file, "{\"problem_type\": \"%s\",%.*s", problem_type, (int)size - 1, text + 1);
    if (fclose(file) != 0)
        abort();
    free(text);
}

static void make_blob(const label_case *c, const char *blob)
{
    checkpoint_spec spec = checkpoint_base;
    char folder[PATH_BYTES], command[4 * PATH_BYTES + SERVE_NAME_BYTES];
    conv_error error;

    spec.dim = 64;
    spec.hidden_dim = 128;
    spec.n_layers = 1;
    spec.n_heads = 2;
    spec.max_positions = 64;
    spec.n_labels = c->n_labels;
    spec.vocab = harness_path("model/sst2/vocab.txt");
    snprintf(folder, sizeof folder, "%s/checkpoint", directory);
    if (checkpoint_write(folder, &spec, &error) != 0)
        abort();
    if (c->problem_type != NULL)
        set_problem_type(folder, c->problem_type);
    snprintf(command, sizeof command, "%s convert %s -o %s >/dev/null 2>&1",
             serve_build_path("distil"), folder, blob);
    CHECKF(system(command) == 0, "%s", command);
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
}

/* ---- what is expected ------------------------------------------------------------------------ */

typedef struct expectation {
    distil_result result;
    float scores[MAX_LABELS];
} expectation;

static void ask_library(expectation *e, const label_case *c, const char *blob)
{
    distil_scores scores = {NULL, e->scores};
    distil_context *context = NULL;
    distil_model *model = NULL;
    distil_model_info info;

    if (distil_model_open(&model, blob, NULL, NULL) != DISTIL_OK ||
        distil_model_get_info(model, &info) != DISTIL_OK ||
        distil_context_new(&context, model, NULL, NULL) != DISTIL_OK ||
        distil_classify(context, &e->result, &scores, GOOD_TEXT, strlen(GOOD_TEXT), 0) != DISTIL_OK)
        abort();
    CHECK(info.n_labels == c->n_labels && info.function == c->function);
    distil_context_free(context);
    distil_model_close(model);
}

/* The name under which the function answers a label: its own, or the one of the map. */
static const char *name_of(const label_case *c, size_t index)
{
    static char name[64];
    const char *at;

    snprintf(name, sizeof name, "CLASS %zu=", index);
    at = c->map != NULL ? strstr(c->map, name) : NULL;
    if (at == NULL) {
        name[strlen(name) - 1] = '\0';
        return name;
    }
    at += strlen(name);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(at, ","), at);
    return name;
}

/* ---- the item -------------------------------------------------------------------------------- */

static int number_is(json_value item, const char *path, float expected)
{
    char text[64] = "";
    json_value value;

    if (!serve_json(item, path, &value))
        return 0;
    text[json_string(value, text, sizeof text - 1)] = '\0';
    return fabs(strtod(text, NULL) - (double)expected) <= 1e-4;
}

static void check_item(const label_case *c, const expectation *e, json_value item)
{
    const int neutral = c->sentiments && e->result.score < 0.6f;
    const char *label = neutral ? "neutral" : name_of(c, e->result.label);
    json_value value;
    char path[96];

    CHECK(serve_json_is(item, "Item.status.S", "analyzed"));
    CHECKF(serve_json_is(item, "Item.sentiment.S", label), "not %s", label);
    CHECK(number_is(item, "Item.score.N", e->result.score));
    CHECK(serve_json(item, "Item.labels.M", &value) == c->listed);
    for (size_t i = 0; i < c->n_labels && c->listed; i++) {
        int has = c->function != DISTIL_FUNCTION_SIGMOID || e->scores[i] >= 0.5f;

        snprintf(path, sizeof path, "Item.labels.M.%s.N", name_of(c, i));
        CHECKF(number_is(item, path, e->scores[i]) == has, "%s %f", path, (double)e->scores[i]);
    }
}

static void test_case(const label_case *c)
{
    static expectation e;
    char blob[PATH_BYTES], model[PATH_BYTES + 16], map[PATH_BYTES];
    const char *environment[] = {model, NULL, NULL};
    events_message message = {"item", WORLD_TIME, GOOD_TEXT, NULL};
    serve_answer answer;
    world_written lines;
    world w;

    if (!harness_case("labels: %s", c->name))
        return;
    snprintf(blob, sizeof blob, "%s/model.distil", directory);
    make_blob(c, blob);
    ask_library(&e, c, blob);
    snprintf(model, sizeof model, "DISTIL_MODEL=%s", blob);
    if (c->map != NULL) {
        snprintf(map, sizeof map, "DISTIL_LABEL_MAP=%s", c->map);
        environment[1] = map;
    }
    if (world_open(&w, world_with_store, environment) != 0)
        return;
    CHECK(world_put_pending(&w, "item").status == 200);
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    CHECKF(!answer.failed, "%.*s", (int)answer.body.size, answer.body.at);
    lines = world_read_lines(w.run);
    CHECK(lines.errors == 0 && world_metric(&lines, "SentimentAnalysisCount") == 1 &&
          world_metric(&lines, "ItemsAnalyzed") == 1);
    CHECK(world_metric(&lines, "PositiveSentimentCount") +
              world_metric(&lines, "NegativeSentimentCount") +
              world_metric(&lines, "NeutralSentimentCount") ==
          c->sentiments);
    check_item(c, &e, world_get_item(&w, "item").json);
    world_close(&w);
    (void)unlink(blob);
}

int main(int argc, char **argv)
{
    harness_init("test_labels", argc, argv);
    world_set_up();
    if (mkdtemp(directory) == NULL)
        abort();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_case(&cases[i]);
    (void)rmdir(directory);
    world_tear_down();
    return harness_finish();
}
