/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and options; see cmd_manuals.h. After a change run `make manual`. */
#include "tools/command/cmd_manuals.h"

#include <string.h>

#include "tools/command/cmd_model.h"

const char cmd_program_summary[] =
    "classify text with DistilBERT, int8, the same answer on every x86-64 CPU";

const char cmd_program_text[] =
    "distil runs DistilBERT models whose weights are 8-bit integers: they label texts or the names "
    "in them, sort passages, answer questions and turn texts into vectors. A model is one file, "
    "called a blob. `distil convert` makes it from a Hugging Face folder; the "
    "program maps it into memory and uses it in place. The logits of a text are the same to the "
    "last bit on every CPU, with every number of threads and in every batch.";

/* ---- options that several commands share ---------------------------------------------------- */

static const char model_option_text[] =
    "Use this model. Without the option, the environment variable DISTIL_MODEL names the model; "
    "without either, it is the one that came with the program.";

static const char file_option_text[] =
    "Read texts from FILE, one on each line; '-' is standard input. The option may be repeated. A "
    "file that cannot be read is reported, and the others are still read.";

static const char strict_option_text[] =
    "Report a text that is not UTF-8 as an error. Without the option, each ill-formed sequence "
    "counts as U+FFFD.";

static const char split_option_text[] =
    "Treat special tokens that are written in a text, such as [SEP] and [MASK], as plain text. "
    "Without the option they become their ids, as in Hugging Face tokenizers. Use it for text that "
    "strangers send.";

static const char batch_option_text[] = "Classify up to N texts at once, 1 to 4096. The default is "
                                        "32. A batch does not wait for input: "
                                        "texts that have been read are answered first.";

static const char threads_option_text[] =
    "Use N threads, 1 to 256. The default is 1; 0 means one for each CPU that the affinity and the "
    "control group of the process allow. Answers keep the order of the texts.";

static const char isa_option_text[] =
    "Use no instruction set above LEVEL, which is " CMD_ISA_NAMES ". Without the option, the "
    "environment variable DISTIL_ISA sets that limit.";

static const char verify_option_text[] =
    "Check the content of the model before it is used: none, crc, sha256 or proof. proof checks "
    "the others too, and that no 16-bit lane can overflow. The default is none; "
    "the structure of a model is always checked.";

#define LEVEL_SPACE(name, NAME, rows) #name " "
#define LEVELS DISTIL_LEVELS(LEVEL_SPACE) "best"
#define MODEL_OPTION CMD_OPT_MODEL, 'm', "model", "BLOB", "*.distil", model_option_text
#define FILE_OPTION CMD_OPT_FILE, 'f', "file", "FILE", "*", file_option_text
#define STRICT_OPTION CMD_OPT_STRICT, 0, "strict", NULL, NULL, strict_option_text
#define SPLIT_OPTION CMD_OPT_SPLIT, 0, "split-special-tokens", NULL, NULL, split_option_text
#define BATCH_OPTION CMD_OPT_BATCH, 0, "batch", "N", NULL, batch_option_text
#define THREADS_OPTION CMD_OPT_THREADS, 0, "threads", "N", NULL, threads_option_text
#define ISA_OPTION CMD_OPT_ISA, 0, "isa", "LEVEL", LEVELS, isa_option_text
#define VERIFY_OPTION                                                                              \
    CMD_OPT_VERIFY, 0, "verify", "HOW", "none crc sha256 proof", verify_option_text
#define HELP_OPTION CMD_OPT_HELP, 'h', "help", NULL, NULL, "Show this help and exit."

/* ---- the options of each command ------------------------------------------------------------ */

static const cmd_option classify_options[] = {
    {MODEL_OPTION},
    {FILE_OPTION},
    {CMD_OPT_OUTPUT, 'o', "output", "FILE", "*",
     "Write the answers to FILE, which appears when it is whole. Until then they are in "
     "FILE.partial, from which --resume continues. If an input file cannot be read, FILE does not "
     "appear."},
    {CMD_OPT_RESUME, 0, "resume", NULL, NULL,
     "With -o: continue the run of the same command that was interrupted, if there is one. The "
     "result has the same bytes as that of one run. Input and options must be those of that run."},
    {CMD_OPT_FUNCTION, 0, "function", "NAME", "softmax sigmoid none",
     "Turn logits into probabilities by NAME: softmax, where a text has one label; sigmoid, where "
     "it can have several; none, which leaves them as they are. The default is what the model "
     "says. Many models with several labels a text do not say so."},
    {CMD_OPT_TOP_K, 0, "top-k", "N", NULL,
     "Give the N best labels of each text, the best first; 0 means all. JSON gets the member "
     "labels, with a label and a score each. Not with --tsv or --input."},
    {CMD_OPT_THRESHOLD, 0, "threshold", "T", NULL,
     "With the function sigmoid: give all labels whose score is at least T, from 0 to 1, in the "
     "form of --top-k. There may be none."},
    {CMD_OPT_INPUT, 0, "input", "FORMAT", "lines jsonl csv tsv",
     "Read tables: lines, which is the default and no table; jsonl, a JSON object on each line; "
     "csv or tsv, whose first record is a header. Output has the same format."},
    {CMD_OPT_TEXT_FIELD, 0, "text-field", "NAME", NULL,
     "Tables: classify the text of the field NAME. The default is text."},
    {CMD_OPT_PAIR, 0, "pair", "TEXT2", NULL,
     "Classify the pair of TEXT and TEXT2, for models of sentence pairs. It needs one TEXT as an "
     "argument."},
    {CMD_OPT_PAIR_FIELD, 0, "pair-field", "NAME", NULL,
     "Tables: classify pairs of texts, of which the second is in the field NAME."},
    {CMD_OPT_CANDIDATES, 0, "candidates", "LIST", NULL,
     "Choose among the labels of LIST, which are any words with commas between them. The model "
     "must be one for natural language inference (NLI), with a label that begins with entail: it "
     "judges whether the template with the label follows from the text. Scores are those of the "
     "zero-shot-classification pipeline of transformers."},
    {CMD_OPT_TEMPLATE, 0, "template", "TEXT", NULL,
     "With --candidates: the hypothesis, in which the label replaces {}. The default is 'This "
     "example is {}.'"},
    {CMD_OPT_MULTI, 0, "multi", NULL, NULL,
     "With --candidates: give each label a probability by itself. Without the option they sum to "
     "1."},
    {CMD_OPT_WINDOW, 0, "window", "N", NULL,
     "Cut texts of more than N tokens, [CLS] and [SEP] included, into windows of N tokens instead "
     "of leaving out what is too long. JSON gets the member windows, which says how many."},
    {CMD_OPT_STRIDE, 0, "stride", "M", NULL,
     "With --window: two neighbouring windows share M tokens of the text, fewer than N - 2. The "
     "default is 0."},
    {CMD_OPT_COMBINE, 0, "combine", "HOW", "mean max first",
     "With --window: make the logits of a text of those of its windows: their mean, which is the "
     "default, their max, or those of the first one."},
    {CMD_OPT_KEEP, 0, "keep", "FIELDS", "all none",
     "Tables: write these fields of the input unchanged before the answer: all, which is the "
     "default, none, or names with commas between them."},
    {CMD_OPT_LABEL_FIELD, 0, "label-field", "NAME", NULL,
     "Tables: name the field of the label NAME. The default is label. A field of the input that "
     "has the name already is an error."},
    {CMD_OPT_SCORE_FIELD, 0, "score-field", "NAME", NULL,
     "Tables: name the field of the score NAME. The default is score."},
    {CMD_OPT_ERROR_FIELD, 0, "error-field", "NAME", NULL,
     "Tables: name the field of the reason why a row is bad NAME. The default is error."},
    {CMD_OPT_ON_ERROR, 0, "on-error", "WHAT", "keep stop drop",
     "Tables: what to do with a row that cannot be classified, after it is reported. keep, the "
     "default, writes it with the field error; drop leaves it out; stop ends the run before it."},
    {CMD_OPT_DELIMITER, 0, "delimiter", "C", NULL,
     "CSV: the character C stands between fields; \\t is a tab. The default is a comma."},
    {CMD_OPT_NULL, 0, "null", "WORD", NULL,
     "CSV and TSV: a field that is WORD, without quotes, is null. Without the option, an empty "
     "field without quotes is null in CSV, and none is in TSV."},
    {CMD_OPT_ESCAPES, 0, "escapes", NULL, NULL,
     "TSV: a backslash begins an escape, such as \\t and \\n, and \\N is null, as in text that "
     "COPY of PostgreSQL writes."},
    {CMD_OPT_TSV, 0, "tsv", NULL, NULL,
     "Write the columns label, score, number of tokens, truncated (0 or 1) and text, with tabs "
     "between them."},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON array with an object for each text."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL, "Write one line with a JSON object for each text."},
    {CMD_OPT_STREAM, 0, "stream", NULL, NULL,
     "Write each answer before the next line is read. Each text is a batch of its own, and all "
     "threads work on it together."},
    {BATCH_OPTION},
    {THREADS_OPTION},
    {STRICT_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option rank_options[] = {
    {MODEL_OPTION},
    {CMD_OPT_QUERY, 'q', "query", "TEXT", NULL,
     "Rank the passages by how well they answer TEXT. This option is required."},
    {FILE_OPTION},
    {CMD_OPT_TOP_K, 0, "top-k", "N", NULL,
     "Write only the N best passages; 0, the default, means all."},
    {CMD_OPT_FUNCTION, 0, "function", "NAME", "softmax sigmoid none",
     "Turn the logit of a pair into its score by NAME: sigmoid, or none, which leaves it as it is. "
     "The default is what the model says."},
    {CMD_OPT_TSV, 0, "tsv", NULL, NULL,
     "Write the columns index, score, number of tokens, truncated (0 or 1) and passage, with tabs "
     "between them."},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON array with an object for each passage."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL, "Write one line with a JSON object for each passage."},
    {BATCH_OPTION},
    {THREADS_OPTION},
    {STRICT_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option entities_options[] = {
    {MODEL_OPTION},
    {FILE_OPTION},
    {CMD_OPT_AGGREGATION, 0, "aggregation", "HOW", "none simple first average max",
     "Make entities of the labels of tokens as the pipeline does with this aggregation_strategy. "
     "none: each token is one. simple, the default: neighbouring tokens of one kind are one. "
     "first, average, max: neighbouring words are, and a word has the label of its first token, "
     "the best one of the tokens' mean, or that of its surest token."},
    {CMD_OPT_WINDOW, 0, "window", "N", NULL,
     "Read texts of more than N tokens, [CLS] and [SEP] included, in windows of N tokens instead "
     "of leaving out what is too long. Of entities that overlap because windows do, the longest "
     "one stays. JSON gets the member windows, which says how many."},
    {CMD_OPT_STRIDE, 0, "stride", "M", NULL,
     "With --window: two neighbouring windows share M tokens of the text, fewer than N - 2. The "
     "default is 0, with which an entity on a border can be lost or cut in two."},
    {CMD_OPT_TSV, 0, "tsv", NULL, NULL,
     "Write a line for each entity, with tabs between its columns: number of the text from 1, "
     "entity, score, first and last character, first and last byte, and text. Ends are exclusive. "
     "A text without entities has no line."},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON array with an object for each text."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL, "Write one line with a JSON object for each text."},
    {BATCH_OPTION},
    {CMD_OPT_THREADS, 0, "threads", "N", NULL,
     "Let N threads share the work of each batch, 1 to 256. The default is 1; 0 means one for each "
     "CPU that the affinity and the control group of the process allow."},
    {STRICT_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option answer_options[] = {
    {MODEL_OPTION},
    {CMD_OPT_QUESTION, 'q', "question", "TEXT", NULL,
     "Answer the question TEXT. This option is required."},
    {CMD_OPT_CONTEXT, 0, "context", "TEXT", NULL, "Answer by parts of TEXT."},
    {CMD_OPT_FILE, 'f', "file", "FILE", "*",
     "Answer by parts of the whole FILE; '-' is standard input, which is also read without -f and "
     "--context. The option may be repeated: each file is a context of its own."},
    {CMD_OPT_TOP_K, 0, "top-k", "N", NULL, "Give the N best answers; 0, the default, means one."},
    {CMD_OPT_ANSWER_TOKENS, 0, "max-answer-tokens", "N", NULL,
     "Let an answer have at most N tokens, before it is widened to whole words. The default is "
     "15."},
    {CMD_OPT_ALLOW_NONE, 0, "allow-none", NULL, NULL,
     "Let the answer be that there is none, which is an empty text. For models that were trained "
     "with such questions, as in SQuAD 2."},
    {CMD_OPT_WINDOW, 0, "window", "N", NULL,
     "Cut a context into windows, so that question, window and three special tokens have at most N "
     "tokens. The default is 384, or the most tokens of the model."},
    {CMD_OPT_STRIDE, 0, "stride", "M", NULL,
     "Let two neighbouring windows share M tokens of the context. The default is 128, or half of "
     "the window."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL, "Write one line with a JSON object for each context."},
    {THREADS_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option embed_options[] = {
    {MODEL_OPTION},
    {FILE_OPTION},
    {CMD_OPT_OUTPUT, 'o', "output", "FILE", "*",
     "Write to FILE, which appears when it is whole. If its name ends with .npy, it is an array of "
     "numpy: little-endian floats of 32 bits, a row for each text. Otherwise it has JSON lines."},
    {CMD_OPT_POOLING, 0, "pooling", "HOW", "cls mean max",
     "Make the vector of a text of those of its tokens by HOW: cls, that of [CLS]; mean, their "
     "mean; "
     "max, the greatest number of each column. The default is what the model says, and mean for a "
     "model that says nothing. A model with a dense layer allows no other pooling than its own."},
    {CMD_OPT_NORMALIZE, 0, "normalize", NULL, NULL,
     "Divide each vector by its length. The model may say so, too."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL,
     "Write one line with a JSON object for each text, which is the default."},
    {BATCH_OPTION},
    {THREADS_OPTION},
    {STRICT_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option tokenize_options[] = {
    {MODEL_OPTION},
    {FILE_OPTION},
    {CMD_OPT_JSON, 0, "json", NULL, NULL,
     "Write one JSON array with an array of ids for each text."},
    {CMD_OPT_JSONL, 0, "jsonl", NULL, NULL,
     "Write one line with a JSON array of ids for each text."},
    {CMD_OPT_OFFSETS, 0, "offsets", NULL, NULL,
     "Write for each token its id, the part of the text that it stands for, and its text in the "
     "vocabulary. That is a line for each token, with tabs between id, begin and end in "
     "characters, begin and end in bytes, and token, and an empty line after each text; or, in "
     "JSON, an object for each token instead of its id. The end is that of the next character."},
    {STRICT_OPTION},
    {SPLIT_OPTION},
    {HELP_OPTION},
};

static const cmd_option eval_options[] = {
    {MODEL_OPTION},
    {CMD_OPT_REFERENCE, 0, "reference", "FILE", "*.tsv",
     "Compare with the logits in FILE: tab-separated values with a header and the columns row, "
     "label and tokens, then one column of logits for each label in the model's order. It has one "
     "row for each row of FILE.tsv, numbered from 0."},
    {CMD_OPT_ORIGINAL, 0, "original", "DIR", "*",
     "Compare with the model in DIR itself, the folder that the blob was made from: run it in "
     "float over the texts, and list the texts to which it gives another label."},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON object instead of lines for people."},
    {BATCH_OPTION},
    {THREADS_OPTION},
    {SPLIT_OPTION},
    {ISA_OPTION},
    {VERIFY_OPTION},
    {HELP_OPTION},
};

static const cmd_option convert_options[] = {
    {CMD_OPT_OUTPUT, 'o', "output", "FILE", "*",
     "Write the blob to FILE. The file appears whole or not at all."},
    {CMD_OPT_CALIBRATE, 0, "calibrate", "FILE", "*",
     "Round the weights so that their errors cancel on the texts of FILE, one on each line, or in "
     "the column sentence of a file with tabs. A few hundred texts like those that will be "
     "classified are enough. Conversion takes longer and the result is closer to the original. "
     "Calibration leaves out one text of ten; for a sequence classifier, a second line on standard "
     "error says how close the blob comes to the original on those."},
    {CMD_OPT_THREADS, 0, "threads", "N", NULL,
     "Use N threads, 1 to 256, which changes no byte of the blob. Without this option, or with 0, "
     "the conversion uses all CPUs that the process may keep busy."},
    {HELP_OPTION},
};

static const cmd_option inspect_options[] = {
    {MODEL_OPTION},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON object. It always lists the sections."},
    {CMD_OPT_SECTIONS, 0, "sections", NULL, NULL,
     "List every section with its offset, size and CRC-32C."},
    {HELP_OPTION},
};

static const cmd_option verify_options[] = {{MODEL_OPTION}, {HELP_OPTION}};

static const cmd_option isa_options[] = {
    {ISA_OPTION},
    {CMD_OPT_JSON, 0, "json", NULL, NULL, "Write one JSON object."},
    {HELP_OPTION},
};

static const cmd_option bench_options[] = {
    {CMD_OPT_BENCH, 0, "list", NULL, NULL, "Print the names of what can be measured, and exit."},
    {CMD_OPT_BENCH, 0, "budgets", "FILE", "*.json",
     "run: compare measurements with the limits in FILE. The default is bench/budgets.json."},
    {CMD_OPT_BENCH, 0, "only", "PREFIX", NULL,
     "run: measure only budgets whose name begins with PREFIX. The option may be repeated."},
    {CMD_OPT_BENCH, 'm', "model", "BLOB", "*.distil",
     "Measure with this model; compare uses it for both programs."},
    {CMD_OPT_BENCH, 0, "build", "DIR", "*",
     "run: measure the programs and files in DIR. The default is the directory of distil-bench."},
    {CMD_OPT_BENCH, 0, "seconds", "S", NULL,
     "Spend at most S seconds on one figure, or send events for S seconds. The default is 6."},
    {CMD_OPT_BENCH, 0, "complete", NULL, NULL,
     "run: fail where a budget cannot be measured here, unless its level needs another CPU."},
    {CMD_OPT_BENCH, 'o', NULL, "FILE", "*", "Write the results to FILE as JSON."},
    {CMD_OPT_BENCH, 0, "revision", "TEXT", NULL, "run: record TEXT in the results."},
    {CMD_OPT_BENCH, 0, "tokens", "LIST", NULL,
     "compare: use texts of these lengths in tokens. The default is 8,32,128."},
    {CMD_OPT_BENCH, 0, "no-start", NULL, NULL, "compare: do not measure how long a start takes."},
    {CMD_OPT_BENCH, 0, "old-model", "BLOB", "*.distil", "compare: use this model for OLD."},
    {CMD_OPT_BENCH, 0, "new-model", "BLOB", "*.distil", "compare: use this model for NEW."},
    {CMD_OPT_BENCH, 0, "json", NULL, NULL, "compare: write one JSON object instead of the table."},
    {CMD_OPT_BENCH, 0, "runs", "N", NULL,
     "cold: start N fresh processes of each kind. The default is 20."},
    {CMD_OPT_BENCH, 0, "image", NULL, NULL,
     "cold: start the container image that bench/unpack_image.sh has unpacked."},
    {CMD_OPT_BENCH, 0, "rate", "N", NULL, "load: send N events a second. The default is 100."},
    {CMD_OPT_BENCH, 0, "texts", "FILE", "*",
     "load: send the texts of FILE, one on each line. The default is the development set in the "
     "source tree."},
    {CMD_OPT_BENCH, 0, "seed", "N", NULL,
     "load: draw arrival times and texts with this seed. The default is 1."},
    {CMD_OPT_BENCH, 0, "cpu", "N", NULL,
     "Measure on CPU number N. The default is the last one that the process may use."},
    {CMD_OPT_BENCH, 0, "timeout", "S", NULL,
     "Give one answer or one start at most S seconds, 30 by default. A program that takes longer "
     "is killed, and the command fails."},
    {HELP_OPTION},
};

static const cmd_option serve_options[] = {
    {CMD_OPT_LOCAL, 0, "local", NULL, NULL,
     "Stand in for AWS on this machine. The option is required, because there is no other way of "
     "serving."},
    {CMD_OPT_PORT, 0, "port", "N", NULL,
     "Listen on port N of 127.0.0.1. The default is 9000, or any free port if there is an --event; "
     "0 is any free port."},
    {CMD_OPT_TIMEOUT, 0, "timeout", "S", NULL,
     "Give an invocation at most S seconds, 1 to 900. The default is 60."},
    {CMD_OPT_STORE, 0, "store", "WHERE", "memory http://",
     "Keep the items of the function in memory, or in the DynamoDB at the address http://... or "
     "https://... Without the option events are only classified."},
    {CMD_OPT_PENDING, 0, "pending", NULL, NULL,
     "With --store memory, treat an item that is absent when the function asks for it as one that "
     "its producer has put with the status pending."},
    {CMD_OPT_EVENT, 0, "event", "FILE", "*.json",
     "Invoke the function with the event in FILE, show the response and exit; '-' is standard "
     "input. The option may be repeated."},
    {CMD_OPT_RAW, 0, "raw", NULL, NULL, "Show log lines and responses as the function wrote them."},
    {MODEL_OPTION},
    {CMD_OPT_RETRY_MS, 0, "retry-ms", "N", NULL,
     "Wait N milliseconds before the second try of an asynchronous event that failed, and twice as "
     "long before the third. The default is 1000; Lambda waits 60000."},
    {CMD_OPT_ANSWER_BYTES, 0, "answer-bytes", "N", NULL,
     "Refuse responses of more than N bytes. The default is Lambda's limit, 6291556."},
    {CMD_OPT_FAULTS, 0, "faults", "RATE", NULL,
     "Make this share of the replies to the function fail, 0 to 1: they are lost, late, cut, sent "
     "in pieces, throttled or have status 500. The default is 0."},
    {CMD_OPT_SEED, 0, "seed", "N", NULL,
     "Draw faults and request ids with this seed, so that a run can be repeated."},
    {HELP_OPTION},
};

static const cmd_option help_options[] = {
    {CMD_OPT_MAN, 0, "man", NULL, NULL,
     "Print the part of the man page that lists commands and options, as mdoc source."},
    {CMD_OPT_COMPLETION, 0, "completion", NULL, NULL,
     "Print a script that teaches bash to complete commands, options and file names."},
    {HELP_OPTION},
};

/* ---- the commands --------------------------------------------------------------------------- */

#define OPTIONS(array) .options = (array), .option_count = sizeof(array) / sizeof((array)[0])

static const char classify_text[] =
    "Write the label and the score of each TEXT, or of each line of the files given with -f, or of "
    "standard input. There is one line of output for each text, in the order of the texts. A line "
    "ends at a line feed only, and an empty line is a text too.\n\n"
    "A pair of texts is classified as one: with `--pair TEXT2`, TEXT together with TEXT2, and with "
    "`--pair-field`, the text of each record with the one in another field. Of a pair with more "
    "tokens than the model takes, tokens are left out at the end of the longer text, and of both "
    "where that is not enough, as in Hugging Face tokenizers. An empty second text counts as none, "
    "as in the text-classification pipeline of transformers.\n\n"
    "With --candidates the labels are those of the command line; logits are those of entailment, "
    "and tokens counts the tokens of all pairs of a text.\n\n"
    "Without a format option, the line of a single TEXT has its label and score; other lines also "
    "have a tab and the text. With --jsonl it is an object like this, without the line break:\n\n"
    "  {\"label\":\"...\",\"score\":x,\"probabilities\":{\"...\":x,...},\n"
    "   \"logits\":[x,...],\"tokens\":n,\"truncated\":false}\n\n"
    "Floats have nine digits and read back to the same bits. A text that cannot be classified is "
    "reported on standard error; its line says ERROR instead of a label, or its object has no "
    "member but error.\n\n"
    "With --input each record of a table holds a text, and comes out with the fields label and "
    "score after its own, which keep their order and bytes. A null text has a null answer. A bad "
    "record is reported with its line, and the exit status is then 1. It has a null answer and the "
    "reason in the field error: a member of bad rows in JSONL, a column of all rows in CSV and "
    "TSV. If its fields cannot be told apart, they are empty and its bytes follow the reason.";

static const char rank_text[] =
    "Sort passages by how well they answer a query, the best first. The passages are the TEXT "
    "arguments, or the lines of the files given with -f, or of standard input. The model is a "
    "cross-encoder, which has one label; its score of a pair of query and passage is that of "
    "CrossEncoder of sentence-transformers. Passages of equal scores keep their order.\n\n"
    "Without a format option, a line has the score, a tab and the passage. With --jsonl it is an "
    "object like this, in which index counts all passages from 0:\n\n"
    "  {\"index\":n,\"score\":x,\"logit\":x,\"tokens\":n,\"truncated\":false,\n"
    "   \"text\":\"...\"}\n\n"
    "A passage that cannot be scored is reported on standard error and left out.";

static const char entities_text[] =
    "Find the named parts of each TEXT, or of each line of the files given with -f, or of standard "
    "input, such as persons and places. The model is one of token classification "
    "(DistilBertForTokenClassification). Names, scores and places of the entities are those of the "
    "token-classification pipeline of transformers 5; tokens and groups with the label O are "
    "none.\n\n"
    "Without a format option there is a line for each text with its entities: name, score and "
    "text of each, with commas between them; or a dash if there are none. Unless there is a single "
    "TEXT, a tab and the whole text follow. With --jsonl the line is an object like this, without "
    "the line breaks:\n\n"
    "  {\"entities\":[{\"entity_group\":\"...\",\"score\":x,\"start\":n,\"end\":n,\n"
    "   \"byte_start\":n,\"byte_end\":n,\"text\":\"...\"},...],\n"
    "   \"tokens\":n,\"truncated\":false}\n\n"
    "start and end count characters from 0, and the end is exclusive. With --aggregation none the "
    "first member is entity, and the member index has the position of the token, where [CLS] has "
    "0. A text that cannot be read is reported on standard error; its line says ERROR, or its "
    "object has no member but error.";

static const char answer_text[] =
    "Answer a question by a part of a context, which is that of --context or a whole file. The "
    "model is a "
    "DistilBertForQuestionAnswering; answers and scores are those of the question-answering "
    "pipeline of transformers 4.57. A long context is cut into overlapping windows, and scores of "
    "equal answers are added.\n\n"
    "A line has the score, the first and the last character (exclusive), and the answer, with tabs "
    "between them. With --jsonl there is an object for each context, like this, without the line "
    "break:\n\n"
    "  {\"context\":\"FILE\",\"answers\":[{\"answer\":\"...\",\"score\":x,\n"
    "   \"start\":n,\"end\":n,\"byte_start\":n,\"byte_end\":n}]}\n\n"
    "A context that cannot be used is reported on standard error, and the exit status is then 1.";

static const char embed_text[] =
    "Write an embedding of each TEXT, or of each line of the files given with -f, or of standard "
    "input: a vector that is near to those of texts of a similar meaning. For a model of "
    "sentence-transformers it is what encode of that library gives, but for the error of 8-bit "
    "weights. A classifier gives its hidden states after the last layer, pooled.\n\n"
    "There is one line for each text, in the order of the texts:\n\n"
    "  {\"embedding\":[x,...],\"tokens\":n,\"truncated\":false}\n\n"
    "Floats have nine digits and read back to the same bits. Of a text with more tokens than the "
    "model takes, the first ones are embedded, and truncated is true. A text that cannot be "
    "embedded is reported on standard error, and its object has no member but error; an array has "
    "no place for it, so the run ends and no file appears.";

static const char tokenize_text[] =
    "Write the token ids of each TEXT, or of each line of the files given with -f, or of standard "
    "input. There is one line of output for each text, with decimal ids and a space between them: "
    "the id of [CLS] comes first, that of [SEP] last, and no text is truncated.\n\n"
    "With --offsets, they are those of Hugging Face tokenizers: characters count from 0, and [CLS] "
    "and [SEP], which are added around the text, have zeros.\n\n"
    "A text that cannot be tokenized is reported on standard error; its line is empty, or null in "
    "JSON.";

static const char eval_text[] =
    "Classify the sentences of FILE.tsv, or of standard input if it is '-', and write accuracy, "
    "confusion matrix and speed. The header of FILE.tsv names the columns sentence and label, with "
    "a tab between them; a label is an index or a name of the model's labels. A bad row is "
    "reported "
    "and left out. Rows of the confusion matrix are labels of the file, columns are labels of the "
    "model.\n\n"
    "With --reference, also write how well the logits agree with those of another implementation: "
    "how many labels are equal, the mean and the greatest margin error, and how many token counts "
    "differ. The margin of a text is the difference between the logits of the two labels that the "
    "reference ranks first and second; the margin error is how far the two implementations differ "
    "in it.\n\n"
    "With --original, the same figures show what quantisation to 8 bits cost. FILE then needs no "
    "labels: it may have the column sentence alone, or no header and a text on each line. It is "
    "read twice, so it cannot be standard input.";

static const char convert_text[] =
    "Make a blob from DIR, the folder that save_pretrained of Hugging Face transformers wrote for "
    "a "
    "DistilBertForSequenceClassification. The folder holds config.json, vocab.txt or "
    "tokenizer.json, and may hold tokenizer_config.json and special_tokens_map.json. Its weights "
    "are model.safetensors or pytorch_model.bin, each whole or in shards with an index, in F32, "
    "F16, BF16 or F64. A pytorch_model.bin is read without executing anything in it.\n\n"
    "Weights become 8-bit integers, and the converter proves that no sum of their products can "
    "overflow. The same folder always gives the same bytes. A line about the result goes to "
    "standard error.";

static const char inspect_text[] =
    "Show what a blob contains: shape, labels, tokenizer, origin, and how fine its weights are. "
    "The "
    "mean range of a matrix is the mean over its columns of the largest integer weight, of which "
    "127 is the finest; the last column counts the panel pairs whose lane groups have 4, 2 or 1 "
    "quads.\n\n"
    "Without FILE, show the model that is in use. The structure of the file is checked, but its "
    "content is not: `distil verify` does that.";

static const char verify_text[] =
    "Check blobs from their bytes, without trusting what they say about themselves: the structure, "
    "which every opening checks; the CRC-32C of each section; the SHA-256 of the whole; the "
    "vocabulary, where each token must be found at its id; the numbers, which must be finite, and "
    "scales positive; the proof that no 16-bit lane can overflow; and the column sums.\n\n"
    "There is one line for each check, and a failed one names the byte. Without FILE, the model "
    "that is in use is checked. The exit status tells the check that failed, of the first file "
    "that is not sound: 3 structure, 4 CRC-32C, 5 SHA-256, 6 vocabulary, 7 numbers, 8 lane proof, "
    "9 column sums. Of several checks it is CRC-32C, else SHA-256, else the first of the others, "
    "because bytes that changed after the conversion fail a checksum whatever else they break.";

static const char isa_text[] =
    "Show which CPU this is, which instruction-set levels it and the operating system can run, "
    "what "
    "the others lack, which level is chosen and why, and which variant of each operation that "
    "means. Every level gives the same answers to the last bit.";

static const char bench_text[] =
    "Measure speed, size and start in a way that holds on noisy machines. Everything runs on one "
    "CPU. `run` compares measurements with a file of budgets. `compare` runs two builds of distil "
    "by turns. `cold` shows cold starts on a timeline, with the model in the page cache and "
    "without "
    "it. `load` sends events at random times to the function behind `distil serve`.\n\n"
    "The work is done by the program distil-bench, which `make bench-tools` builds in the source "
    "tree. An option whose text begins with a word and a colon belongs to that form only.";

static const char serve_text[] =
    "Run a Lambda function, such as ./bootstrap, as Lambda would: give it events, receive its "
    "responses, kill it when the time of an event is up, start it again when it has ended, and "
    "show "
    "its log lines and metrics. There is one process, and one event at a time; other callers wait. "
    "One port of 127.0.0.1 answers these requests:\n\n"
    "  POST /2015-03-31/functions/function/invocations\n"
    "      The Invoke API. With the header X-Amz-Invocation-Type: Event the\n"
    "      caller does not wait; an event that fails is tried twice more and\n"
    "      then kept as a dead letter.\n"
    "  /2018-06-01/runtime/...\n"
    "      The Runtime API, for the function.\n"
    "  POST /\n"
    "      With --store memory: UpdateItem, PutItem and GetItem of DynamoDB.\n"
    "  GET /serve/state, GET /serve/dead-letters\n"
    "      Counts, and the events that failed for good, as JSON.\n\n"
    "The function gets the environment of this program and what Lambda sets. --store decides "
    "what it is told about a store: without the option there is no DATABASE_TABLE and "
    "DISTIL_STORE is none, and AWS_ENDPOINT_URL_DYNAMODB is never the one of this environment; "
    "`-- env NAME=VALUE ./bootstrap` sets such a variable nevertheless. DISTIL_MODEL becomes the "
    "model of -m; without that option it stays as it is set, where empty means the model within "
    "the function; without both it becomes the model that came with the program.\n\n"
    "The command ends after SIGINT or SIGTERM, or after the last --event. Its exit status is 1 if "
    "one of these events failed.";

static const char help_text[] =
    "Show the help of COMMAND, as `distil COMMAND --help` does, or the list of commands.";

const cmd_manual cmd_manuals[CMD_COMMANDS] = {
    [CMD_CLASSIFY] = {.name = "classify",
                      .summary = "label texts: arguments, files, standard input",
                      .usage = "[options] [TEXT ...]",
                      .text = classify_text,
                      .examples =
                          "distil classify \"A gorgeous, witty, seductive movie.\"\n"
                          "distil classify --jsonl < reviews.txt > answers.jsonl\n"
                          "distil classify -f a.txt -f b.txt --tsv --threads 0\n"
                          "tail -f log | distil classify --stream --jsonl\n"
                          "distil classify --input csv --text-field body < in.csv > out.csv\n"
                          "distil classify --input jsonl -f in.jsonl -o out.jsonl --resume\n"
                          "distil classify -m nli.distil --pair \"A man sleeps.\" \"He runs.\"\n"
                          "distil classify -m nli.distil --candidates refund,praise \"So good!\"\n",
                      OPTIONS(classify_options)},
    [CMD_RANK] = {.name = "rank",
                  .summary = "sort passages by how well they answer a query",
                  .usage = "--query TEXT [options] [TEXT ...]",
                  .text = rank_text,
                  .examples =
                      "distil rank -m ranker.distil --query \"who wrote it?\" -f lines.txt\n"
                      "distil rank -m ranker.distil -q cheap --top-k 3 --jsonl < lines.txt\n",
                  OPTIONS(rank_options)},
    [CMD_ENTITIES] = {.name = "entities",
                      .summary = "find persons, places and the like in texts",
                      .usage = "[options] [TEXT ...]",
                      .text = entities_text,
                      .examples =
                          "distil entities -m ner.distil \"Ada Lovelace was born in London.\"\n"
                          "distil entities -m ner.distil --aggregation first --jsonl < news.txt\n"
                          "distil entities -m ner.distil --window 512 --stride 64 -f book.txt\n",
                      OPTIONS(entities_options)},
    [CMD_ANSWER] = {.name = "answer",
                    .summary = "answer a question by parts of a text",
                    .usage = "--question TEXT [options]",
                    .text = answer_text,
                    .examples = "distil answer -m qa.distil -q \"Who wrote it?\" -f book.txt\n"
                                "distil answer -m qa.distil -q \"When?\" --context \"On Monday.\"\n"
                                "distil answer -m qa.distil -q Why --top-k 3 --jsonl < text.txt\n",
                    OPTIONS(answer_options)},
    [CMD_EMBED] = {.name = "embed",
                   .summary = "write embeddings: a vector for each text",
                   .usage = "[options] [TEXT ...]",
                   .text = embed_text,
                   .examples =
                       "distil convert my-sentence-model/ -o vectors.distil\n"
                       "distil embed -m vectors.distil \"How do I get a refund?\"\n"
                       "distil embed -m vectors.distil -f lines.txt -o vectors.npy --threads 0\n"
                       "distil embed --pooling cls --normalize --jsonl < lines.txt\n",
                   OPTIONS(embed_options)},
    [CMD_TOKENIZE] = {.name = "tokenize",
                      .summary = "write the token ids of texts",
                      .usage = "[options] [TEXT ...]",
                      .text = tokenize_text,
                      .examples = "distil tokenize \"good\"\n"
                                  "distil tokenize --jsonl < corpus.txt\n"
                                  "distil tokenize --offsets \"caf\xc3\xa9 noir\"\n"
                                  "distil tokenize --split-special-tokens \"what is [SEP]?\"\n",
                      OPTIONS(tokenize_options)},
    [CMD_EVAL] = {.name = "eval",
                  .summary = "measure accuracy on a file of sentences and labels",
                  .usage = "[options] FILE.tsv",
                  .text = eval_text,
                  .examples = "distil eval dev.tsv\n"
                              "distil eval dev.tsv --reference dev-logits.tsv --json\n"
                              "distil eval -m my.distil texts.txt --original my-model/\n"
                              "DISTIL_ISA=scalar distil eval dev.tsv --threads 2\n",
                  .values = "*.tsv",
                  OPTIONS(eval_options)},
    [CMD_CONVERT] = {.name = "convert",
                     .summary = "make a blob from a Hugging Face folder",
                     .usage = "[options] DIR -o FILE",
                     .text = convert_text,
                     .examples = "distil convert my-model/ -o my.distil\n"
                                 "distil convert my-model/ -o my.distil --calibrate train.tsv\n"
                                 "distil verify my.distil\n"
                                 "distil classify -m my.distil \"So good.\"\n",
                     .values = "*",
                     OPTIONS(convert_options)},
    [CMD_INSPECT] = {.name = "inspect",
                     .summary = "show what a blob contains",
                     .usage = "[options] [FILE]",
                     .text = inspect_text,
                     .examples = "distil inspect my.distil\n"
                                 "distil inspect --json my.distil | python3 -m json.tool\n"
                                 "distil inspect --sections my.distil\n",
                     .values = "*.distil",
                     OPTIONS(inspect_options)},
    [CMD_VERIFY] = {.name = "verify",
                    .summary = "check a blob: checksums and overflow proof",
                    .usage = "[options] [FILE ...]",
                    .text = verify_text,
                    .examples = "distil verify my.distil\n"
                                "distil verify build/*.distil && echo all sound\n",
                    .exit_status = "0 if every blob is sound; 1 if a file or the output failed, or "
                                   "if this version cannot run the blob; 2 if the command line is "
                                   "wrong; 3 to 9 for the check that failed, as above.",
                    .values = "*.distil",
                    OPTIONS(verify_options)},
    [CMD_ISA] = {.name = "isa",
                 .summary = "show what this CPU has, which code is chosen and why",
                 .usage = "[options]",
                 .text = isa_text,
                 .examples = "distil isa\n"
                             "DISTIL_ISA=avx2 distil isa\n"
                             "distil isa --json\n",
                 OPTIONS(isa_options)},
    [CMD_BENCH] = {.name = "bench",
                   .summary = "compare speed, size and start with budgets or another build",
                   .usage = "run [options]\n"
                            "compare [options] OLD NEW\n"
                            "cold [options]\n"
                            "load [options]\n"
                            "--list\n",
                   .text = bench_text,
                   .examples = "distil bench run --only latency/ -o results.json\n"
                               "distil bench compare --tokens 32,128 before/distil ./distil\n",
                   .exit_status = "0 if all is within the budgets or not slower; 1 if something is "
                                  "not; 2 if the command line or the file of budgets is wrong; 3 "
                                  "if the machine was too busy to tell.",
                   .values = "run compare cold load",
                   OPTIONS(bench_options)},
    [CMD_SERVE] = {.name = "serve",
                   .summary = "run the Lambda function on this machine",
                   .usage = "--local [options] -- PROGRAM [ARGUMENT ...]",
                   .text = serve_text,
                   .examples =
                       "distil serve --local -- ./bootstrap\n"
                       "distil serve --local --event event.json --store memory -- ./bootstrap\n"
                       "distil serve --local --store http://127.0.0.1:8000 -- ./bootstrap\n"
                       "distil serve --local --store memory --faults 0.01 --seed 7 -- ./bootstrap\n"
                       "curl -d @event.json "
                       "127.0.0.1:9000/2015-03-31/functions/function/invocations\n",
                   .values = "*",
                   OPTIONS(serve_options)},
    [CMD_HELP] = {.name = "help",
                  .summary = "show the help of a command",
                  .usage = "[COMMAND]\n"
                           "--man\n"
                           "--completion\n",
                  .text = help_text,
                  .examples = "distil help classify\n"
                              "source <(distil help --completion)\n",
                  .values = CMD_VALUES_COMMANDS,
                  OPTIONS(help_options)},
};

const cmd_manual *cmd_manual_find(const char *name)
{
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        if (strcmp(cmd_manuals[i].name, name) == 0)
            return &cmd_manuals[i];
    return NULL;
}
