//! How the arguments of kernels are declared: beside what launches the kernel, field by field as in
//! `kernels/*.cu`; see there for what they mean. Pointers are addresses on the device, 0 for null.

/// Declares structures of arguments and the kernels that take them.
macro_rules! arguments {
    ($($vis:vis $name:ident for $($kernel:ident),+ { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        #[repr(C)]
        #[derive(Debug, Clone, Copy)]
        $vis struct $name {
            $($vis $field: $type),+
        }

        // SAFETY: `repr(C)`, and the fields are those of the kernel's structure of the same name. All
        // pointers are taken from buffers of a workspace or of weights, which live until the work on the
        // stream has been waited for, with sizes that follow from the largest batch and layer.
        unsafe impl $crate::runtime::KernelArguments for $name {
            const KERNELS: &'static [$crate::runtime::Kernel] = &[$($crate::runtime::Kernel::$kernel),+];
        }
    )+};
}

pub(crate) use arguments;
