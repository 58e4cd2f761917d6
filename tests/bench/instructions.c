/* Counts the instructions that an emulated processor executes: a plugin of QEMU's user mode (docs/devel/tcg-plugins).
 *
 *     qemu-aarch64 -plugin instructions.so,into=FILE PROGRAM
 *
 * FILE holds the count so far, eight bytes, in this machine's order; the program may map it and look. QEMU's header is
 * not in Debian, so what is used of it is declared here (API version 1).
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
typedef void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);

int qemu_plugin_version = 1;
static uint64_t *executed;

static void count(qemu_plugin_id_t plugin, struct qemu_plugin_tb *block)
{
    (void)plugin;
    qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, executed, qemu_plugin_tb_n_insns(block));
}

int qemu_plugin_install(qemu_plugin_id_t plugin, const void *emulator, int arguments, char **argument)
{
    (void)emulator;
    if (arguments != 1 || strncmp(argument[0], "into=", 5) != 0) {
        fputs("instructions: say into=FILE\n", stderr);
        return 1;
    }
    int file = open(argument[0] + 5, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof *executed) != 0) {
        perror(argument[0] + 5);
        return 1;
    }
    executed = mmap(NULL, sizeof *executed, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (executed == MAP_FAILED) {
        perror(argument[0] + 5);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, count);
    return 0;
}
