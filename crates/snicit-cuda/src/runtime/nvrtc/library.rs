//! The functions of NVRTC that are needed, bound by hand: the binding of cudarc looks for the library by
//! bare names only and would not find the one of a Python package.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::ptr;

use libloading::Library;

use crate::CudaError;
use crate::runtime::KernelSource;
use crate::runtime::locate::Candidate;

type Program = *mut std::ffi::c_void;
type Status = c_int;

const SUCCESS: Status = 0;

/// A loaded NVRTC.
#[derive(Debug)]
pub struct Nvrtc {
    path: PathBuf,
    version: (i32, i32),
    functions: Functions,
    /// Loaded for as long as its functions are in use.
    _library: Library,
}

#[derive(Debug)]
struct Functions {
    create_program: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> Status,
    compile_program: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status,
    destroy_program: unsafe extern "C" fn(*mut Program) -> Status,
    cubin_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    cubin: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    log: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    supported_count: unsafe extern "C" fn(*mut c_int) -> Status,
    supported: unsafe extern "C" fn(*mut c_int) -> Status,
    error_string: unsafe extern "C" fn(Status) -> *const c_char,
}

impl Functions {
    /// Resolves every function.
    ///
    /// # Safety
    /// `library` must be NVRTC.
    unsafe fn resolve(library: &Library) -> Result<(Self, (i32, i32)), libloading::Error> {
        // SAFETY: names and signatures are those of nvrtc.h, the same in CUDA 11.2 to 13.
        unsafe {
            let functions = Functions {
                create_program: *library.get(c"nvrtcCreateProgram")?,
                compile_program: *library.get(c"nvrtcCompileProgram")?,
                destroy_program: *library.get(c"nvrtcDestroyProgram")?,
                cubin_size: *library.get(c"nvrtcGetCUBINSize")?,
                cubin: *library.get(c"nvrtcGetCUBIN")?,
                log_size: *library.get(c"nvrtcGetProgramLogSize")?,
                log: *library.get(c"nvrtcGetProgramLog")?,
                supported_count: *library.get(c"nvrtcGetNumSupportedArchs")?,
                supported: *library.get(c"nvrtcGetSupportedArchs")?,
                error_string: *library.get(c"nvrtcGetErrorString")?,
            };
            let version: libloading::Symbol<'_, unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status> =
                library.get(c"nvrtcVersion")?;
            let (mut major, mut minor) = (0, 0);
            version(&mut major, &mut minor);
            Ok((functions, (major, minor)))
        }
    }
}

impl Nvrtc {
    /// Loads a candidate; `None` if it is not there or is no NVRTC.
    pub(super) fn open(candidate: Candidate) -> Option<Self> {
        // NVRTC looks for its builtins by bare name, in vain when it lies in a Python package.
        let (library, path) = candidate.load(&["libnvrtc-builtins.so"], &[])?;
        // SAFETY: the library carries NVRTC's name; a symbol that is missing is an error.
        let (functions, version) = unsafe { Functions::resolve(&library) }.ok()?;
        Some(Nvrtc { path, version, functions, _library: library })
    }

    /// The library as it was found: a file, or a bare name that the system's loader resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Major and minor version.
    pub fn version(&self) -> (i32, i32) {
        self.version
    }

    /// Whether it can compile for `sm_NN`, given as the number `NN`.
    pub fn supports(&self, architecture: i32) -> bool {
        let mut count = 0;
        // SAFETY: writes one number.
        if unsafe { (self.functions.supported_count)(&mut count) } != SUCCESS {
            return false;
        }
        let mut known = vec![0; usize::try_from(count).unwrap_or(0)];
        // SAFETY: writes as many numbers as it just announced.
        unsafe {
            (self.functions.supported)(known.as_mut_ptr()) == SUCCESS && known.contains(&architecture)
        }
    }

    /// Compiles one source with its headers to a cubin.
    ///
    /// # Errors
    /// [`CudaError::Compile`] with the compiler's log.
    pub(crate) fn compile(
        &self,
        source: &KernelSource,
        headers: &[(&str, &str)],
        options: &[String],
        architecture: &str,
    ) -> Result<Vec<u8>, CudaError> {
        let failure = |log: String| CudaError::Compile {
            source_file: source.file,
            library: self.path.clone(),
            architecture: architecture.to_owned(),
            log,
        };
        let c_string =
            |text: &str| CString::new(text).map_err(|_| failure("a NUL in the source".into()));
        let text = c_string(source.text)?;
        let name = c_string(source.file)?;
        let (mut names, mut texts) = (Vec::new(), Vec::new());
        for (name, text) in headers {
            names.push(c_string(name)?);
            texts.push(c_string(text)?);
        }
        let options: Vec<CString> = options.iter().map(|o| c_string(o)).collect::<Result<_, _>>()?;
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).collect()
        };
        let (names_at, texts_at, options_at) = (pointers(&names), pointers(&texts), pointers(&options));

        let mut program = ptr::null_mut();
        // SAFETY: all strings are NUL-terminated and outlive the call, which copies them.
        let status = unsafe {
            (self.functions.create_program)(
                &mut program,
                text.as_ptr(),
                name.as_ptr(),
                headers.len() as c_int,
                texts_at.as_ptr(),
                names_at.as_ptr(),
            )
        };
        if status != SUCCESS {
            return Err(failure(self.explain(status)));
        }
        let program = OwnedProgram { functions: &self.functions, program };
        // SAFETY: the program was created above; the options outlive the call.
        let status = unsafe {
            (self.functions.compile_program)(
                program.program,
                options_at.len() as c_int,
                options_at.as_ptr(),
            )
        };
        if status != SUCCESS {
            let log = program.log().unwrap_or_default();
            return Err(failure(format!("{}\n{log}", self.explain(status))));
        }
        program.cubin().ok_or_else(|| failure("it gave no machine code".into()))
    }

    fn explain(&self, status: Status) -> String {
        // SAFETY: gives a static string for every status.
        let text = unsafe { (self.functions.error_string)(status) };
        if text.is_null() {
            return format!("status {status}");
        }
        // SAFETY: not null, NUL-terminated, static.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

/// A program that is destroyed when it goes.
struct OwnedProgram<'a> {
    functions: &'a Functions,
    program: Program,
}

impl OwnedProgram<'_> {
    fn log(&self) -> Option<String> {
        let bytes = self.fetch(self.functions.log_size, self.functions.log)?;
        Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().to_owned())
    }

    fn cubin(&self) -> Option<Vec<u8>> {
        self.fetch(self.functions.cubin_size, self.functions.cubin).filter(|cubin| !cubin.is_empty())
    }

    fn fetch(
        &self,
        size: unsafe extern "C" fn(Program, *mut usize) -> Status,
        get: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    ) -> Option<Vec<u8>> {
        let mut bytes = 0;
        // SAFETY: the program is alive; one number is written.
        if unsafe { size(self.program, &mut bytes) } != SUCCESS {
            return None;
        }
        let mut buffer = vec![0; bytes];
        // SAFETY: as many bytes are written as were announced.
        (unsafe { get(self.program, buffer.as_mut_ptr().cast()) } == SUCCESS).then_some(buffer)
    }
}

impl Drop for OwnedProgram<'_> {
    fn drop(&mut self) {
        // SAFETY: created by this library, destroyed once.
        unsafe { (self.functions.destroy_program)(&mut self.program) };
    }
}
