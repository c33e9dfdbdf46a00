/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler copies the blob, whose name the Makefile defines as EMBED_FILE, into the
 * program. */
#include "lambda/embed.h"

#ifdef EMBED_FILE
__asm__(".pushsection .rodata.embed_model, \"a\", @progbits\n"
        ".balign 4096\n"
        ".type embed_begin, @object\n"
        "embed_begin: .incbin \"" EMBED_FILE "\"\n"
        ".size embed_begin, . - embed_begin\n"
        "embed_end:\n"
        ".popsection\n");

extern const char embed_begin[] __attribute__((visibility("hidden")));
extern const char embed_end[] __attribute__((visibility("hidden")));

const void *embed_model(size_t *bytes)
{
    *bytes = (size_t)(embed_end - embed_begin);
    return embed_begin;
}
#else
const void *embed_model(size_t *bytes)
{
    *bytes = 0;
    return NULL;
}
#endif
