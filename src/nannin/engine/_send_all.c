/* Sends the same bytes to many sockets in one call, without holding Python's lock meanwhile.

   `send_all.py` says what it does, in Python: the two are twins, and one suite of tests holds both. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

/* Python ignores SIGPIPE, so a system without this flag raises no signal either. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* A recipient that did not take everything: its place, and how many bytes it took. */
typedef struct {
    Py_ssize_t index;
    Py_ssize_t taken;
} Left;

static Py_ssize_t
send_one(int descriptor, const char *data, size_t size)
{
    ssize_t taken;
    do {
        taken = send(descriptor, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (taken < 0 && errno == EINTR);
    /* Whatever is wrong with it, the transport finds out when it sends what is left. */
    return taken < 0 ? 0 : (Py_ssize_t)taken;
}

static PyObject *
make_list(const Left *left, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *pair = Py_BuildValue("(nn)", left[i].index, left[i].taken);
        if (pair == NULL || PyList_SetItem(list, i, pair) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *
send_all_checked(const Py_buffer *numbers, const Py_buffer *descriptors, const Py_buffer *data,
                 Py_ssize_t start, Py_ssize_t stop)
{
    const int *number_at = numbers->buf, *descriptor_at = descriptors->buf;
    Py_ssize_t known = descriptors->len / (Py_ssize_t)sizeof(int), count = 0;

    if (start < 0 || stop > numbers->len / (Py_ssize_t)sizeof(int)) {
        PyErr_SetString(PyExc_IndexError, "expected a range within the numbers");
        return NULL;
    }
    if (start >= stop) {
        return PyList_New(0);
    }
    Left *left = PyMem_Malloc((size_t)(stop - start) * sizeof(Left));
    if (left == NULL) {
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = start; i < stop; i++) {
        int number = number_at[i];
        if (number < 0) {
            continue;
        }
        int descriptor = number < known ? descriptor_at[number] : -1;
        Py_ssize_t taken = descriptor < 0 ? 0 : send_one(descriptor, data->buf, (size_t)data->len);
        if (descriptor < 0 || taken < data->len) {
            left[count++] = (Left){i, taken};
        }
    }
    Py_END_ALLOW_THREADS
    PyObject *list = make_list(left, count);
    PyMem_Free(left);
    return list;
}

static PyObject *
send_all(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer numbers, descriptors, data;
    Py_ssize_t start, stop;
    PyObject *list = NULL;

    if (!PyArg_ParseTuple(args, "y*nny*y*", &numbers, &start, &stop, &descriptors, &data)) {
        return NULL;
    }
    if (numbers.itemsize == (Py_ssize_t)sizeof(int) && descriptors.itemsize == (Py_ssize_t)sizeof(int)) {
        list = send_all_checked(&numbers, &descriptors, &data, start, stop);
    }
    else {
        PyErr_SetString(PyExc_TypeError, "expected arrays of type 'i'");
    }
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&descriptors);
    PyBuffer_Release(&data);
    return list;
}

static PyMethodDef methods[] = {
    {"send_all", send_all, METH_VARARGS, "As `nannin.engine.send_all.send_all_in_python`."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static struct PyModuleDef module = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_send_all",
    .m_doc = "Sends the same bytes to many sockets in one call.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__send_all(void)
{
    return PyModuleDef_Init(&module);
}
