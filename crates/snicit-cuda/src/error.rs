use std::path::PathBuf;

/// What can go wrong with a GPU; each message says what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// The driver's library is not there.
    #[error(
        "no NVIDIA driver was found (libcuda.so.1 cannot be loaded): install the driver, or compute on \
         the CPU"
    )]
    NoDriver,
    /// The driver sees no GPU, or fewer than asked for.
    #[error("there is no CUDA device {ordinal}: the driver sees {count}{}", known_devices(*count))]
    NoDevice {
        /// The number asked for, from 0.
        ordinal: usize,
        /// GPUs that the driver sees.
        count: usize,
    },
    /// The GPU lacks what the kernels need.
    #[error(
        "{name} (compute capability {}.{}) is too old: 7.0 (Volta) or newer is needed", .capability.0, .capability.1
    )]
    TooOld {
        /// The GPU's name.
        name: String,
        /// Its compute capability, major and minor.
        capability: (i32, i32),
    },
    /// The compiler library was not found anywhere.
    #[error(
        "NVRTC, the CUDA run-time compiler, was not found for CUDA {wanted}: install it with `pip install \
         {package}`, or name its library in $SNICIT_NVRTC"
    )]
    NvrtcMissing {
        /// The major version of CUDA that the driver supports, or several.
        wanted: String,
        /// The package that has it.
        package: &'static str,
    },
    /// The compiler does not know the GPU.
    #[error(
        "NVRTC {}.{} ({}) cannot compile for {architecture}: install another with `pip install \
         {package}`", .version.0, .version.1, library.display()
    )]
    NvrtcUnfit {
        /// The compiler's version.
        version: (i32, i32),
        /// Its library.
        library: PathBuf,
        /// The GPU's architecture.
        architecture: String,
        /// The package to try.
        package: &'static str,
    },
    /// A kernel did not compile.
    #[error("{source_file} did not compile with {} for {architecture}:\n{log}", library.display())]
    Compile {
        /// The kernel's source file.
        source_file: &'static str,
        /// The compiler's library.
        library: PathBuf,
        /// The GPU's architecture.
        architecture: String,
        /// What the compiler said.
        log: String,
    },
    /// The GPU's memory is full.
    #[error(
        "the GPU has no room for {what} ({} MB; {} MB are free): use smaller batches", bytes >> 20, free >> 20
    )]
    OutOfMemory {
        /// What was to be stored.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// What was free.
        free: u64,
    },
    /// A layer is larger than its kernels can index.
    #[error("layer {layer} has {connections} connections, more than the supported {}", u32::MAX)]
    TooManyConnections {
        /// The layer, 1-based.
        layer: usize,
        /// Its connections.
        connections: usize,
    },
    /// A batch is larger than its kernels can index.
    #[error("a batch of {inputs} inputs is larger than the supported {limit}: use smaller batches")]
    TooManyInputs {
        /// Inputs of the batch.
        inputs: usize,
        /// The largest batch.
        limit: usize,
    },
    /// A library to compare with was not found, or does not work with the driver.
    #[error("{library} was not found: install it with `pip install {package}`")]
    LibraryMissing {
        /// Its name.
        library: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A library to compare with refused something.
    #[error("{library} failed to {action}: {reason}")]
    Library {
        /// Its name.
        library: &'static str,
        /// What was attempted.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// The driver refused something.
    #[error("the CUDA driver failed to {action}: {reason}")]
    Driver {
        /// What was attempted.
        action: &'static str,
        /// What the driver said.
        reason: String,
    },
}

fn known_devices(count: usize) -> String {
    match count {
        0 => " none (is $CUDA_VISIBLE_DEVICES empty?)".to_owned(),
        1 => " one, number 0".to_owned(),
        _ => format!(", numbers 0 to {}", count - 1),
    }
}

impl From<CudaError> for snicit::Error {
    fn from(error: CudaError) -> Self {
        snicit::Error::Device(Box::new(error))
    }
}

/// Gives a driver's error the action that failed.
pub(crate) trait DriverContext<T> {
    fn to(self, action: &'static str) -> Result<T, CudaError>;
}

impl<T> DriverContext<T> for Result<T, cudarc::driver::DriverError> {
    fn to(self, action: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| CudaError::Driver { action, reason: describe(error) })
    }
}

/// The driver's name and explanation of an error.
fn describe(error: cudarc::driver::DriverError) -> String {
    let text =
        |text: Result<&std::ffi::CStr, _>| text.ok().map(|text| text.to_string_lossy().into_owned());
    match (text(error.error_name()), text(error.error_string())) {
        (Some(name), Some(explanation)) => format!("{explanation} ({name})"),
        _ => format!("error {:?}", error.0),
    }
}
