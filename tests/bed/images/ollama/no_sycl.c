/*
 * Stands in for the GPU back end of this Ollama build: it finds no device, so everything runs on the CPU.
 * The real one needs a GPU and 2 GB of libraries even to be loaded.
 */
#include <stddef.h>

void *ggml_backend_sycl_reg(void) { return NULL; }
int ggml_backend_sycl_get_device_count(void) { return 0; }
void *ggml_backend_sycl_init(int device) { (void)device; return NULL; }
void *ggml_backend_sycl_buffer_type(int device) { (void)device; return NULL; }
