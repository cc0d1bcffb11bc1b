/* Sends the same bytes to many sockets in one call, without holding Python's lock meanwhile.

   `send_all.py` says what it does, in Python: the two are twins, and one suite of tests holds both. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

/* Python ignores SIGPIPE, so a system without this flag raises no signal either. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* How many are sent to between two looks at the clock: `LOOK_EVERY` in Python. */
#define LOOK_EVERY 16

/* A recipient that did not take everything: its place, and how many bytes it took. */
typedef struct {
    Py_ssize_t index;
    Py_ssize_t taken;
} One;

/* Those who did not. They are few, but for a client that cannot be sent to this way at all. */
typedef struct {
    One *ones;
    Py_ssize_t count, room;
} Left;

static int
add_left(Left *left, Py_ssize_t index, Py_ssize_t taken)
{
    if (left->count == left->room) {
        Py_ssize_t room = left->room ? 2 * left->room : 64;
        One *ones = realloc(left->ones, (size_t)room * sizeof(One));
        if (ones == NULL) {
            return -1;
        }
        left->ones = ones;
        left->room = room;
    }
    left->ones[left->count++] = (One){index, taken};
    return 0;
}

static double
now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

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
make_list(const Left *left)
{
    PyObject *list = PyList_New(left->count);
    for (Py_ssize_t i = 0; list != NULL && i < left->count; i++) {
        PyObject *pair = Py_BuildValue("(nn)", left->ones[i].index, left->ones[i].taken);
        if (pair == NULL || PyList_SetItem(list, i, pair) < 0) {
            Py_CLEAR(list);
        }
    }
    return list;
}

static PyObject *
send_all_checked(const Py_buffer *numbers, const Py_buffer *descriptors, const Py_buffer *data,
                 Py_ssize_t start, Py_ssize_t stop, double seconds, Py_ssize_t most_left)
{
    const int *number_at = numbers->buf, *descriptor_at = descriptors->buf;
    Py_ssize_t known = descriptors->len / (Py_ssize_t)sizeof(int), at = start, sent = 0;
    Left left = {NULL, 0, 0};
    int failed = 0;

    if (start < 0 || stop > numbers->len / (Py_ssize_t)sizeof(int)) {
        PyErr_SetString(PyExc_IndexError, "expected a range within the numbers");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    double until = now() + seconds;
    while (at < stop && left.count < most_left && !failed) {
        Py_ssize_t index = at++;
        int number = number_at[index];
        if (number < 0) {
            continue;
        }
        int descriptor = number < known ? descriptor_at[number] : -1;
        Py_ssize_t taken = descriptor < 0 ? 0 : send_one(descriptor, data->buf, (size_t)data->len);
        if (descriptor < 0 || taken < data->len) {
            failed = add_left(&left, index, taken);
        }
        if (++sent % LOOK_EVERY == 0 && now() >= until) {
            break;
        }
    }
    Py_END_ALLOW_THREADS
    PyObject *list = failed ? PyErr_NoMemory() : make_list(&left);
    free(left.ones);
    return list == NULL ? NULL : Py_BuildValue("(Nn)", list, at);
}

static PyObject *
send_all(PyObject *Py_UNUSED(module), PyObject *args)
{
    Py_buffer numbers, descriptors, data;
    Py_ssize_t start, stop, most_left;
    double seconds;
    PyObject *answer = NULL;

    if (!PyArg_ParseTuple(args, "y*nny*y*dn", &numbers, &start, &stop, &descriptors, &data, &seconds,
                          &most_left)) {
        return NULL;
    }
    if (numbers.itemsize == (Py_ssize_t)sizeof(int) && descriptors.itemsize == (Py_ssize_t)sizeof(int)) {
        answer = send_all_checked(&numbers, &descriptors, &data, start, stop, seconds, most_left);
    }
    else {
        PyErr_SetString(PyExc_TypeError, "expected arrays of type 'i'");
    }
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&descriptors);
    PyBuffer_Release(&data);
    return answer;
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
