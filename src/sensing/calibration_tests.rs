use super::*;
use proptest::prelude::*;

const TOPIC: &str = "/color/image_raw";

fn info() -> CameraInfoEvent {
    CameraInfoEvent {
        camera: 0,
        topic: "/color/camera_info".into(),
        stamp_ns: 0,
        frame_id: "eye".into(),
        width: 640,
        height: 480,
        distortion_model: "plumb_bob".into(),
        d: vec![0.1, -0.2, 0.001, 0.002, 0.05],
        k: [525.0, 0.0, 319.5, 0.0, 520.0, 239.5, 0.0, 0.0, 1.0],
        r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p: [500.0, 0.0, 320.0, 0.0, 0.0, 501.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x: 0,
        binning_y: 0,
        roi: [0; 4],
        roi_do_rectify: false,
    }
}

fn refusal(info: &CameraInfoEvent) -> String {
    camera_model(info, TOPIC, false).unwrap_err().to_string()
}

#[test]
fn raw_images_have_k_and_d_rectified_ones_p() {
    let raw = camera_model(&info(), TOPIC, false).unwrap();
    assert_eq!([raw.fx, raw.fy, raw.cx, raw.cy], [525.0, 520.0, 319.5, 239.5]);
    assert_eq!(raw.distortion, Distortion::PlumbBob([0.1, -0.2, 0.001, 0.002, 0.05]));
    let by_name = camera_model(&info(), "/color/image_rect_color", false).unwrap();
    assert_eq!(by_name, CameraModel::pinhole(640, 480, 500.0, 501.0, 320.0, 240.0));
    assert_eq!(camera_model(&info(), TOPIC, true).unwrap(), by_name);
}

#[test]
fn every_distortion_model_is_read() {
    let with = |model: &str, d: &[f64]| {
        let info = CameraInfoEvent { distortion_model: model.into(), d: d.to_vec(), ..info() };
        camera_model(&info, TOPIC, false).map(|camera| camera.distortion)
    };
    let none = Ok(Distortion::None);
    assert_eq!(with("", &[]), none);
    assert_eq!(with("anything", &[0.0; 5]), none);
    let four = [0.1, 0.2, 0.3, 0.4];
    assert_eq!(with("plumb_bob", &four), Ok(Distortion::PlumbBob([0.1, 0.2, 0.3, 0.4, 0.0])));
    assert_eq!(with("equidistant", &four), Ok(Distortion::Equidistant(four)));
    assert_eq!(
        with("rational_polynomial", &[0.1; 8]),
        Ok(Distortion::RationalPolynomial([0.1; 8]))
    );
    let mut long = vec![0.1; 8];
    long.extend([0.0; 6]);
    assert!(with("rational_polynomial", &long).is_ok());
    long[13] = 0.1;
    assert!(with("rational_polynomial", &long).is_err());
    assert!(with("plumb_bob", &[0.1; 8]).is_err());
    assert!(with("equidistant", &[0.1; 5]).is_err());
    assert!(with("kannala", &four).unwrap_err().to_string().contains("kannala"));
    assert!(with("plumb_bob", &[f64::NAN; 5]).is_err());
}

#[test]
fn region_of_interest_and_binning_move_the_intrinsics() {
    let info = CameraInfoEvent {
        roi: [100, 50, 400, 300],
        binning_x: 2,
        binning_y: 2,
        d: vec![],
        ..info()
    };
    let cropped = camera_model(&info, TOPIC, false).unwrap();
    assert_eq!((cropped.width, cropped.height), (200, 150));
    let full = camera_model(
        &CameraInfoEvent { roi: [0; 4], binning_x: 1, binning_y: 1, ..info },
        TOPIC,
        false,
    )
    .unwrap();
    let point = [0.1, -0.2, 1.0];
    let [u, v] = full.project(point).unwrap();
    let [u2, v2] = cropped.project(point).unwrap();
    // Full pixels 100 and 101 make pixel 0: their common centre is 100.5.
    assert!((u - (2.0 * u2 + 100.5)).abs() < 1e-9 && (v - (2.0 * v2 + 50.5)).abs() < 1e-9);
}

#[test]
fn nonsense_is_refused_with_text() {
    let k = |at: usize, value: f64| {
        let mut k = info().k;
        k[at] = value;
        refusal(&CameraInfoEvent { k, ..info() })
    };
    assert!(refusal(&CameraInfoEvent { k: [0.0; 9], ..info() }).contains("not calibrated"));
    assert!(k(0, -525.0).contains("fx"));
    assert!(k(4, f64::NAN).contains("fy"));
    assert!(k(2, 1e5).contains("cx"));
    assert!(k(1, 3.0).contains("is not [fx 0 cx"));
    assert!(refusal(&CameraInfoEvent { width: 0, ..info() }).contains("0x480"));
    assert!(
        refusal(&CameraInfoEvent { roi: [600, 0, 100, 480], ..info() }).contains("does not fit")
    );
    assert!(refusal(&CameraInfoEvent { binning_x: 700, ..info() }).contains("leaves no pixel"));
    let mut stereo = info();
    stereo.p[3] = -35.0;
    let text = camera_model(&stereo, TOPIC, true).unwrap_err().to_string();
    assert!(text.contains("stereo"), "{text}");
}

#[test]
fn size_mismatch_names_both_sides() {
    let camera = camera_model(&info(), TOPIC, false).unwrap();
    check_size(&camera, "/info", (640, 480), TOPIC).unwrap();
    let text = check_size(&camera, "/info", (1280, 720), TOPIC).unwrap_err().to_string();
    for part in ["/info", TOPIC, "640x480", "1280x720"] {
        assert!(text.contains(part), "{text}");
    }
}

proptest! {
    #[test]
    fn camera_info_never_panics(
        size in any::<[u32; 2]>(),
        model in prop::sample::select(vec!["plumb_bob", "rational_polynomial", "equidistant", ""]),
        d in proptest::collection::vec(proptest::num::f64::ANY, 0..15),
        k in proptest::array::uniform9(proptest::num::f64::ANY),
        p in proptest::array::uniform12(proptest::num::f64::ANY),
        keep in any::<[bool; 2]>(),
        bins in any::<[u32; 2]>(),
        roi in any::<[u32; 4]>(),
        rectified in any::<bool>(),
    ) {
        let good = info();
        let info = CameraInfoEvent {
camera: 0,
            width: size[0],
            height: size[1],
            distortion_model: model.into(),
            d,
            k: if keep[0] { good.k } else { k },
            p: if keep[1] { good.p } else { p },
            binning_x: bins[0],
            binning_y: bins[1],
            roi,
            ..good
        };
        if let Ok(camera) = camera_model(&info, TOPIC, rectified) {
            prop_assert!(camera.fx > 0.0 && camera.fy > 0.0);
            prop_assert!(camera.width > 0 && camera.height > 0);
        }
    }
}
