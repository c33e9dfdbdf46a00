/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware of the emulated machine: a ROM of 64 KiB that enters Linux and does nothing else.
 *
 * There is no BIOS. The emulator loads the compressed kernel and the initramfs into memory before
 * the CPU starts. The firmware switches from the reset vector to 32-bit mode, fills in the boot
 * parameters and jumps to the kernel, according to the 32-bit boot protocol (Linux,
 * Documentation/arch/x86/boot.rst). This takes microseconds, while an emulated BIOS with a boot
 * loader that reads a disk takes seconds.
 *
 * setup.sh assembles this file with SETUP_HEADER, the name of a file with the setup header of the
 * kernel, and links it at 0xf0000, where the CPU sees the ROM below 1 MiB.
 */

/* The addresses at which run.sh lets the emulator load the kernel and the initramfs, and the end of
 * the memory. */
#define KERNEL 0x01000000
#define INITRAMFS 0x08000000
#define MEMORY_END 0x20000000

/* pack.c writes the size of the archive in bytes and the kernel's arguments to the page before
 * it. */
#define INITRAMFS_SIZE (INITRAMFS + 0)
#define COMMAND_LINE (INITRAMFS + 16)
#define INITRAMFS_DATA (INITRAMFS + 0x1000)

#define PARAMETERS 0x10000 /* the address in RAM of the kernel's boot parameters */

/* Offsets in Linux's struct boot_params. */
#define E820_COUNT 0x1e8
#define HEADER 0x1f1
#define TYPE_OF_LOADER 0x210
#define LOADFLAGS 0x211
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define E820_TABLE 0x2d0

#define UNDEFINED_LOADER 0xff
#define LOADED_HIGH 1
#define E820_RAM 1
#define E820_RESERVED 2

/* The segment selectors that the boot protocol requires. */
#define CODE_SELECTOR 0x10
#define DATA_SELECTOR 0x18

    .text
rom:

/* ---- after reset: real mode, with %cs at this ROM ------------------------------------------ */
    .code16
start:
    cli
    lgdtl   %cs:gdt_pointer - rom
    movl    %cr0, %eax
    orl     $1, %eax
    movl    %eax, %cr0
    ljmpl   $CODE_SELECTOR, $protected

/* ---- 32-bit mode, flat segments ----------------------------------------------------------- */
    .code32
protected:
    movl    $DATA_SELECTOR, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %fs
    movl    %eax, %gs
    movl    %eax, %ss

    cld
    movl    $parameters, %esi
    movl    $PARAMETERS, %edi
    movl    $(parameters_end - parameters) / 4, %ecx
    rep movsl

    movl    $PARAMETERS, %esi
    movb    $UNDEFINED_LOADER, TYPE_OF_LOADER(%esi)
    orb     $LOADED_HIGH, LOADFLAGS(%esi)
    movl    $INITRAMFS_DATA, RAMDISK_IMAGE(%esi)
    movl    INITRAMFS_SIZE, %eax
    movl    %eax, RAMDISK_SIZE(%esi)
    movl    $COMMAND_LINE, CMD_LINE_PTR(%esi)

    xorl    %ebp, %ebp
    xorl    %edi, %edi
    xorl    %ebx, %ebx
    movl    $KERNEL, %eax
    jmp     *%eax

/* ---- tables ------------------------------------------------------------------------------- */
    .balign 8
gdt:
    .quad   0, 0
    .quad   0x00cf9b000000ffff /* CODE_SELECTOR: base 0, limit 4 GiB, 32-bit */
    .quad   0x00cf93000000ffff /* DATA_SELECTOR */
gdt_pointer:
    .word   . - gdt - 1
    .long   gdt

    .macro  memory begin, end, type
    .quad   \begin, \end - \begin
    .long   \type
    .endm

    .balign 4
parameters:
    .org    parameters + E820_COUNT
    .byte   (e820_end - e820) / 20
    .org    parameters + HEADER
    .incbin SETUP_HEADER
    .org    parameters + E820_TABLE
e820:
    memory  0, 0xa0000, E820_RAM
    memory  0xf0000, 0x100000, E820_RESERVED
    memory  0x100000, MEMORY_END, E820_RAM
e820_end:
    .org    parameters + 0x1000
parameters_end:

/* ---- reset vector: 16 bytes below the end ------------------------------------------------- */
    .org    rom + 0xfff0
    .code16
    jmp     start
    .org    rom + 0x10000
